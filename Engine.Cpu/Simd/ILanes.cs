namespace Edifice.Engine.Cpu.Simd;

/// <summary>A register of equal elements. Kernels are written once over <typeparamref name="TSelf"/> and compiled for 512,
/// 256 and 128 bits and for every element type; every member compiles to one or a few instructions.</summary>
/// <remarks>
/// <para>Members marked "float only" are defined for <see cref="float"/> and <see cref="double"/> elements; the others
/// for integers too. A mask is a register whose lanes have all bits set or none.</para>
/// <para>Take registers by value, keep them in locals (not in arrays or in structs of several), and inline whatever
/// touches them inside a loop: otherwise the compiler spills them.</para>
/// </remarks>
internal unsafe interface ILanes<TSelf, T>
    where TSelf : unmanaged, ILanes<TSelf, T>
    where T : unmanaged
{
    /// <summary>How many elements a register holds.</summary>
    static abstract int Count { get; }

    /// <summary>All lanes zero.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>The same element in every lane.</summary>
    static abstract TSelf Splat(T value);

    /// <summary>The same number in every lane, rounded to the element type; constant when the argument is.</summary>
    static abstract TSelf Const(double value);

    /// <summary>The same bits in every lane, cut to the element's size; constant when the argument is.</summary>
    static abstract TSelf ConstBits(ulong bits);

    /// <summary>Reads <see cref="Count"/> elements, aligned or not.</summary>
    static abstract TSelf Load(T* p);

    /// <summary>Reads <paramref name="n"/> elements (0 ≤ n ≤ Count) and no byte beyond; the other lanes are zero.</summary>
    static abstract TSelf LoadPartial(T* p, int n);

    /// <summary>Writes all lanes.</summary>
    static abstract void Store(TSelf v, T* p);

    /// <summary>Writes the first <paramref name="n"/> lanes (0 ≤ n ≤ Count) and no byte beyond.</summary>
    static abstract void StorePartial(TSelf v, T* p, int n);

    /// <summary>Writes all lanes past the caches; <paramref name="p"/> is aligned to the register's size.</summary>
    static abstract void StoreNonTemporal(TSelf v, T* p);

    static abstract TSelf operator +(TSelf a, TSelf b);
    static abstract TSelf operator -(TSelf a, TSelf b);
    static abstract TSelf operator *(TSelf a, TSelf b);
    static abstract TSelf operator /(TSelf a, TSelf b);
    static abstract TSelf operator -(TSelf a);
    static abstract TSelf operator &(TSelf a, TSelf b);
    static abstract TSelf operator |(TSelf a, TSelf b);
    static abstract TSelf operator ^(TSelf a, TSelf b);
    static abstract TSelf operator ~(TSelf a);

    /// <summary>a &amp; ~b.</summary>
    static abstract TSelf AndNot(TSelf a, TSelf b);

    /// <summary>a b + c with one rounding. Float only.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>√a, correctly rounded. Float only.</summary>
    static abstract TSelf Sqrt(TSelf a);

    /// <summary>|a|.</summary>
    static abstract TSelf Abs(TSelf a);

    /// <summary>The larger; NaN if either is, +0 above -0.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>The smaller; NaN if either is, -0 below +0.</summary>
    static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>The larger in one instruction; <paramref name="b"/>, or NaN, where one is NaN: so a NaN in b stays.</summary>
    static abstract TSelf MaxNative(TSelf a, TSelf b);

    /// <summary>The smaller in one instruction; <paramref name="b"/>, or NaN, where one is NaN: so a NaN in b stays.</summary>
    static abstract TSelf MinNative(TSelf a, TSelf b);

    /// <summary>max(lo, min(hi, a)) for bounds that are not NaN, in two instructions; NaN in <paramref name="a"/> stays.</summary>
    static abstract TSelf Clamp(TSelf a, TSelf lo, TSelf hi);

    /// <summary>Mask of a = b.</summary>
    static abstract TSelf Equal(TSelf a, TSelf b);

    /// <summary>Mask of a &lt; b; false where either is NaN.</summary>
    static abstract TSelf Less(TSelf a, TSelf b);

    /// <summary>Mask of a ≤ b; false where either is NaN.</summary>
    static abstract TSelf LessOrEqual(TSelf a, TSelf b);

    /// <summary>Mask of lanes that are NaN.</summary>
    static abstract TSelf IsNaN(TSelf a);

    /// <summary>Lanes of <paramref name="a"/> where the mask is set, of <paramref name="b"/> elsewhere.</summary>
    static abstract TSelf Select(TSelf mask, TSelf a, TSelf b);

    /// <summary>True when some lane of a mask is set.</summary>
    static abstract bool Any(TSelf mask);

    /// <summary>One bit per lane of a mask, lane 0 lowest.</summary>
    static abstract ulong Bits(TSelf mask);

    /// <summary>Writes <see cref="Count"/> bytes, 1 where the mask is set and 0 elsewhere.</summary>
    static abstract void StoreMask(TSelf mask, byte* p);

    /// <summary>Reads <see cref="Count"/> bytes as a mask: set where the byte is not 0.</summary>
    static abstract TSelf LoadMask(byte* p);

    /// <summary>Nearest integer, ties to even. Float only.</summary>
    static abstract TSelf Round(TSelf a);

    /// <summary>Largest integer not above. Float only.</summary>
    static abstract TSelf Floor(TSelf a);

    /// <summary>Smallest integer not below. Float only.</summary>
    static abstract TSelf Ceiling(TSelf a);

    /// <summary>Integer part. Float only.</summary>
    static abstract TSelf Truncate(TSelf a);

    /// <summary>a 2^n for integral |n| ≤ 250 (float), 2000 (double), rounded once also where the result is subnormal. Float
    /// only.</summary>
    static abstract TSelf Scale(TSelf a, TSelf n);

    /// <summary>Sum of the bit patterns as integers of the element's size.</summary>
    static abstract TSelf AddBits(TSelf a, TSelf b);

    /// <summary>Difference of the bit patterns as integers of the element's size.</summary>
    static abstract TSelf SubtractBits(TSelf a, TSelf b);

    /// <summary>The bit patterns shifted left.</summary>
    static abstract TSelf ShiftLeft(TSelf a, int count);

    /// <summary>The bit patterns shifted right, zeros coming in.</summary>
    static abstract TSelf ShiftRight(TSelf a, int count);

    /// <summary>Sum over the lanes in a fixed tree: lane i with lane i + Count/2, then halves of the halves.</summary>
    static abstract T Sum(TSelf a);

    /// <summary>Largest lane; NaN if there is one.</summary>
    static abstract T MaxLane(TSelf a);

    /// <summary>Smallest lane; NaN if there is one.</summary>
    static abstract T MinLane(TSelf a);

    /// <summary>a₀ b₀ a₁ b₁ … of the lower halves. Elements of 4 and 8 bytes, like the four below.</summary>
    static abstract TSelf ZipLow(TSelf a, TSelf b);

    /// <summary>a b a b … of the upper halves.</summary>
    static abstract TSelf ZipHigh(TSelf a, TSelf b);

    /// <summary>The even lanes of a, then those of b: undoes a zip together with <see cref="UnzipOdd"/>.</summary>
    static abstract TSelf UnzipEven(TSelf a, TSelf b);

    /// <summary>The odd lanes of a, then those of b.</summary>
    static abstract TSelf UnzipOdd(TSelf a, TSelf b);

    /// <summary>The lanes in opposite order.</summary>
    static abstract TSelf Reverse(TSelf a);
}
