using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>The register tile under every dense product: C (rows × columns) = A B or C += A B, C held in registers
/// while k runs.</summary>
/// <remarks>
/// <para>Each element is one chain of fused multiply-adds over ascending k, starting from 0 or from what C holds. A product
/// cut along k into blocks that continue each other's C is the same chain, so an element's bits depend neither on
/// the blocking, nor on the tile's shape or the register width, nor on the other rows and columns. Error of an element:
/// at most k u Σ|a||b| with u the unit roundoff.</para>
/// <para>12 rows by two registers take 24 accumulators, two registers of B and one of A: 27 of the 32 that 512-bit
/// machines have. With 16 registers it is 6 rows. Accumulators must be locals: in arrays or structs of several the
/// compiler keeps them in memory. The row and column counts are types, so that every count gets code of its own.</para>
/// </remarks>
internal static unsafe class MatMulTile<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>The most rows of a tile.</summary>
    public static int MaxRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => sizeof(V) == 64 ? 12 : 6;
    }

    /// <summary>The most columns of a tile: two registers.</summary>
    public static int MaxColumns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * V.Count;
    }

    /// <summary>C = A B, or C += A B.</summary>
    /// <param name="rows">1 … <see cref="MaxRows"/>.</param>
    /// <param name="registers">Columns in registers, 1 or 2; all of them are read in B and written in C.</param>
    /// <param name="a">Element (i, k) lies at i·<paramref name="aRow"/> + k·<paramref name="aStep"/>.</param>
    /// <param name="aRow">Distance of A's rows.</param>
    /// <param name="aStep">Distance along k.</param>
    /// <param name="b">Row k lies at k·<paramref name="bStep"/>, its columns side by side.</param>
    /// <param name="bStep">Distance of B's rows.</param>
    /// <param name="c">Rows <paramref name="cRow"/> apart, columns side by side.</param>
    /// <param name="cRow">Distance of C's rows.</param>
    /// <param name="k">How many products are summed; 0 gives zeros.</param>
    /// <param name="accumulate">Start from C instead of 0.</param>
    public static void Run(int rows, int registers, T* a, nint aRow, nint aStep, T* b, nint bStep, T* c, nint cRow, nint k,
        bool accumulate)
    {
        if (registers == 2) Run<N2>(rows, a, aRow, aStep, b, bStep, c, cRow, k, accumulate);
        else Run<N1>(rows, a, aRow, aStep, b, bStep, c, cRow, k, accumulate);
    }

    private static void Run<R>(int rows, T* a, nint aRow, nint aStep, T* b, nint bStep, T* c, nint cRow, nint k,
        bool accumulate) where R : ICount
    {
        switch (rows)
        {
            case 1: Run<N1, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
            case 2: Run<N2, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
            case 3: Run<N3, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
            case 4: Run<N4, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
            case 5: Run<N5, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
            case 6: Run<N6, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
            default:
                // Only 512-bit tiles are this tall; narrower ones get no code for it.
                if (sizeof(V) != 64) break;
                switch (rows)
                {
                    case 7: Run<N7, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
                    case 8: Run<N8, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
                    case 9: Run<N9, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
                    case 10: Run<N10, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
                    case 11: Run<N11, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
                    case 12: Run<N12, R>(a, aRow, aStep, b, bStep, c, cRow, k, accumulate); break;
                }

                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<Rows, Registers>(T* a, nint aRow, nint aStep, T* b, nint bStep, T* c, nint cRow, nint k,
        bool accumulate)
        where Rows : ICount
        where Registers : ICount
    {
        // c and d: left and right register of each row.
        V c0 = V.Zero, d0 = V.Zero;
        V c1 = V.Zero, d1 = V.Zero;
        V c2 = V.Zero, d2 = V.Zero;
        V c3 = V.Zero, d3 = V.Zero;
        V c4 = V.Zero, d4 = V.Zero;
        V c5 = V.Zero, d5 = V.Zero;
        V c6 = V.Zero, d6 = V.Zero;
        V c7 = V.Zero, d7 = V.Zero;
        V c8 = V.Zero, d8 = V.Zero;
        V c9 = V.Zero, d9 = V.Zero;
        V c10 = V.Zero, d10 = V.Zero;
        V c11 = V.Zero, d11 = V.Zero;
        if (accumulate)
        {
            var p = c;
            Load<Registers>(p, out c0, out d0);
            if (Rows.Value > 1) { p += cRow; Load<Registers>(p, out c1, out d1); }
            if (Rows.Value > 2) { p += cRow; Load<Registers>(p, out c2, out d2); }
            if (Rows.Value > 3) { p += cRow; Load<Registers>(p, out c3, out d3); }
            if (Rows.Value > 4) { p += cRow; Load<Registers>(p, out c4, out d4); }
            if (Rows.Value > 5) { p += cRow; Load<Registers>(p, out c5, out d5); }
            if (Rows.Value > 6) { p += cRow; Load<Registers>(p, out c6, out d6); }
            if (Rows.Value > 7) { p += cRow; Load<Registers>(p, out c7, out d7); }
            if (Rows.Value > 8) { p += cRow; Load<Registers>(p, out c8, out d8); }
            if (Rows.Value > 9) { p += cRow; Load<Registers>(p, out c9, out d9); }
            if (Rows.Value > 10) { p += cRow; Load<Registers>(p, out c10, out d10); }
            if (Rows.Value > 11) { p += cRow; Load<Registers>(p, out c11, out d11); }
        }

        // Rows are addressed from every third one, which fits the addressing modes and leaves registers for the rest.
        nint row1 = aRow, row2 = 2 * aRow;
        T* a0 = a, a3 = a + 3 * aRow, a6 = a + 6 * aRow, a9 = a + 9 * aRow;
        for (; k > 0; k--)
        {
            Load<Registers>(b, out var left, out var right);
            V x;
            x = V.Splat(*a0); c0 = V.MultiplyAdd(x, left, c0); d0 = MultiplyAdd<Registers>(x, right, d0);
            if (Rows.Value > 1) { x = V.Splat(a0[row1]); c1 = V.MultiplyAdd(x, left, c1); d1 = MultiplyAdd<Registers>(x, right, d1); }
            if (Rows.Value > 2) { x = V.Splat(a0[row2]); c2 = V.MultiplyAdd(x, left, c2); d2 = MultiplyAdd<Registers>(x, right, d2); }
            if (Rows.Value > 3) { x = V.Splat(*a3); c3 = V.MultiplyAdd(x, left, c3); d3 = MultiplyAdd<Registers>(x, right, d3); }
            if (Rows.Value > 4) { x = V.Splat(a3[row1]); c4 = V.MultiplyAdd(x, left, c4); d4 = MultiplyAdd<Registers>(x, right, d4); }
            if (Rows.Value > 5) { x = V.Splat(a3[row2]); c5 = V.MultiplyAdd(x, left, c5); d5 = MultiplyAdd<Registers>(x, right, d5); }
            if (Rows.Value > 6) { x = V.Splat(*a6); c6 = V.MultiplyAdd(x, left, c6); d6 = MultiplyAdd<Registers>(x, right, d6); }
            if (Rows.Value > 7) { x = V.Splat(a6[row1]); c7 = V.MultiplyAdd(x, left, c7); d7 = MultiplyAdd<Registers>(x, right, d7); }
            if (Rows.Value > 8) { x = V.Splat(a6[row2]); c8 = V.MultiplyAdd(x, left, c8); d8 = MultiplyAdd<Registers>(x, right, d8); }
            if (Rows.Value > 9) { x = V.Splat(*a9); c9 = V.MultiplyAdd(x, left, c9); d9 = MultiplyAdd<Registers>(x, right, d9); }
            if (Rows.Value > 10) { x = V.Splat(a9[row1]); c10 = V.MultiplyAdd(x, left, c10); d10 = MultiplyAdd<Registers>(x, right, d10); }
            if (Rows.Value > 11) { x = V.Splat(a9[row2]); c11 = V.MultiplyAdd(x, left, c11); d11 = MultiplyAdd<Registers>(x, right, d11); }
            b += bStep;
            a0 += aStep;
            if (Rows.Value > 3) a3 += aStep;
            if (Rows.Value > 6) a6 += aStep;
            if (Rows.Value > 9) a9 += aStep;
        }

        Store<Registers>(c0, d0, c);
        if (Rows.Value > 1) { c += cRow; Store<Registers>(c1, d1, c); }
        if (Rows.Value > 2) { c += cRow; Store<Registers>(c2, d2, c); }
        if (Rows.Value > 3) { c += cRow; Store<Registers>(c3, d3, c); }
        if (Rows.Value > 4) { c += cRow; Store<Registers>(c4, d4, c); }
        if (Rows.Value > 5) { c += cRow; Store<Registers>(c5, d5, c); }
        if (Rows.Value > 6) { c += cRow; Store<Registers>(c6, d6, c); }
        if (Rows.Value > 7) { c += cRow; Store<Registers>(c7, d7, c); }
        if (Rows.Value > 8) { c += cRow; Store<Registers>(c8, d8, c); }
        if (Rows.Value > 9) { c += cRow; Store<Registers>(c9, d9, c); }
        if (Rows.Value > 10) { c += cRow; Store<Registers>(c10, d10, c); }
        if (Rows.Value > 11) { c += cRow; Store<Registers>(c11, d11, c); }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<Registers>(T* p, out V left, out V right) where Registers : ICount
    {
        left = V.Load(p);
        right = Registers.Value > 1 ? V.Load(p + V.Count) : V.Zero;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V MultiplyAdd<Registers>(V x, V right, V sum) where Registers : ICount =>
        Registers.Value > 1 ? V.MultiplyAdd(x, right, sum) : sum;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<Registers>(V left, V right, T* p) where Registers : ICount
    {
        V.Store(left, p);
        if (Registers.Value > 1) V.Store(right, p + V.Count);
    }
}

/// <summary>A number as a type: constant in the code compiled for it.</summary>
internal interface ICount
{
    static abstract int Value { get; }
}

internal readonly struct N0 : ICount { public static int Value => 0; }

internal readonly struct N1 : ICount { public static int Value => 1; }

internal readonly struct N2 : ICount { public static int Value => 2; }

internal readonly struct N3 : ICount { public static int Value => 3; }

internal readonly struct N4 : ICount { public static int Value => 4; }

internal readonly struct N5 : ICount { public static int Value => 5; }

internal readonly struct N6 : ICount { public static int Value => 6; }

internal readonly struct N7 : ICount { public static int Value => 7; }

internal readonly struct N8 : ICount { public static int Value => 8; }

internal readonly struct N9 : ICount { public static int Value => 9; }

internal readonly struct N10 : ICount { public static int Value => 10; }

internal readonly struct N11 : ICount { public static int Value => 11; }

internal readonly struct N12 : ICount { public static int Value => 12; }
