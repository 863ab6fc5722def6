extension FixedWidthInteger where Self: UnsignedInteger {
  /// The bits of a closed range, most significant first as in manuals: `word[63...12]` is written `word[bits: 12...63]`.
  ///
  /// Reading shifts the field down to bit 0. Writing replaces the field with the low bits of the new value and drops the rest; the
  /// bits outside the field keep their values. The range must lie inside the word.
  @inlinable public subscript(bits range: ClosedRange<Int>) -> Self {
    @inline(__always) get {
      (self >> Self(truncatingIfNeeded: range.lowerBound)) & Self.mask(width: range.upperBound - range.lowerBound + 1)
    }
    @inline(__always) set {
      let mask = Self.mask(bits: range)
      self = (self & ~mask) | ((newValue << Self(truncatingIfNeeded: range.lowerBound)) & mask)
    }
  }

  /// One bit as a truth value; `bit` must lie inside the word.
  @inlinable public subscript(bit bit: Int) -> Bool {
    @inline(__always) get { (self >> Self(truncatingIfNeeded: bit)) & 1 != 0 }
    set {
      let mask: Self = 1 << Self(truncatingIfNeeded: bit)
      self = newValue ? self | mask : self & ~mask
    }
  }

  /// `width` ones from bit 0 up; all ones if `width` is the width of the word or more, zero if it is 0.
  @inlinable @inline(__always) public static func mask(width: Int) -> Self {
    width >= Self.bitWidth ? Self.max : (1 << Self(truncatingIfNeeded: width)) &- 1
  }

  /// Ones in the given closed range of bits, zeros elsewhere.
  @inlinable @inline(__always) public static func mask(bits range: ClosedRange<Int>) -> Self {
    mask(width: range.upperBound - range.lowerBound + 1) << Self(truncatingIfNeeded: range.lowerBound)
  }
}
