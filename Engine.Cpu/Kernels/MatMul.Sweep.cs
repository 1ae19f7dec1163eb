using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Products of one to four rows by a B of unit stride: B is read once, in the order of memory, four rows at a
/// time, while the few rows of C stay in a near cache.</summary>
/// <remarks>Bound by reading B, which tiles (two registers wide, jumping from row to row) read at a quarter of the speed
/// when it lies beyond the second-level cache. Each element's sum is the same chain as in
/// <see cref="MatMulTile{V,T}"/>.</remarks>
internal static unsafe class MatMulSweep<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>The most rows.</summary>
    public const int MaxRows = 4;

    private const int Steps = 4;

    /// <summary>C = A B, or C += A B, for the columns from <paramref name="first"/> to <paramref name="end"/>.</summary>
    public static void Run(MatMulProblem<T>* p, int first, int end)
    {
        switch (p->M)
        {
            case 1: Run<N1>(p, first, end); break;
            case 2: Run<N2>(p, first, end); break;
            case 3: Run<N3>(p, first, end); break;
            default: Run<N4>(p, first, end); break;
        }
    }

    private static void Run<Rows>(MatMulProblem<T>* p, int first, int end) where Rows : ICount
    {
        var a = p->A;
        var b = p->B + first;
        var c = p->C + first;
        nint columns = end - first;
        var accumulate = p->Accumulate;
        var k = p->K;
        if (k == 0 && !accumulate) Sweep<Rows, N0>(a, p->ARow, p->AStep, b, p->BStep, c, p->CRow, columns, false);
        for (; k >= Steps; k -= Steps, a += Steps * p->AStep, b += Steps * p->BStep, accumulate = true)
            Sweep<Rows, N4>(a, p->ARow, p->AStep, b, p->BStep, c, p->CRow, columns, accumulate);
        for (; k > 0; k--, a += p->AStep, b += p->BStep, accumulate = true)
            Sweep<Rows, N1>(a, p->ARow, p->AStep, b, p->BStep, c, p->CRow, columns, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sweep<Rows, K>(T* a, nint aRow, nint aStep, T* b, nint bStep, T* c, nint cRow, nint columns,
        bool accumulate)
        where Rows : ICount
        where K : ICount
    {
        V x00 = Factor<K, N0>(a, aStep), x01 = Factor<K, N1>(a, aStep), x02 = Factor<K, N2>(a, aStep), x03 = Factor<K, N3>(a, aStep);
        if (Rows.Value > 1) a += aRow;
        V x10 = Factor<K, N0>(a, aStep), x11 = Factor<K, N1>(a, aStep), x12 = Factor<K, N2>(a, aStep), x13 = Factor<K, N3>(a, aStep);
        if (Rows.Value > 2) a += aRow;
        V x20 = Factor<K, N0>(a, aStep), x21 = Factor<K, N1>(a, aStep), x22 = Factor<K, N2>(a, aStep), x23 = Factor<K, N3>(a, aStep);
        if (Rows.Value > 3) a += aRow;
        V x30 = Factor<K, N0>(a, aStep), x31 = Factor<K, N1>(a, aStep), x32 = Factor<K, N2>(a, aStep), x33 = Factor<K, N3>(a, aStep);

        T* b1 = b + bStep, b2 = b1 + bStep, b3 = b2 + bStep;
        T* c1 = c + cRow, c2 = c1 + cRow, c3 = c2 + cRow;
        nint j = 0;
        for (; j + V.Count <= columns; j += V.Count)
        {
            V y0 = K.Value > 0 ? V.Load(b + j) : V.Zero, y1 = K.Value > 1 ? V.Load(b1 + j) : V.Zero;
            V y2 = K.Value > 2 ? V.Load(b2 + j) : V.Zero, y3 = K.Value > 3 ? V.Load(b3 + j) : V.Zero;
            V.Store(Chain<K>(accumulate ? V.Load(c + j) : V.Zero, x00, y0, x01, y1, x02, y2, x03, y3), c + j);
            if (Rows.Value > 1) V.Store(Chain<K>(accumulate ? V.Load(c1 + j) : V.Zero, x10, y0, x11, y1, x12, y2, x13, y3), c1 + j);
            if (Rows.Value > 2) V.Store(Chain<K>(accumulate ? V.Load(c2 + j) : V.Zero, x20, y0, x21, y1, x22, y2, x23, y3), c2 + j);
            if (Rows.Value > 3) V.Store(Chain<K>(accumulate ? V.Load(c3 + j) : V.Zero, x30, y0, x31, y1, x32, y2, x33, y3), c3 + j);
        }

        var rest = (int)(columns - j);
        if (rest > 0)
        {
            V y0 = K.Value > 0 ? V.LoadPartial(b + j, rest) : V.Zero, y1 = K.Value > 1 ? V.LoadPartial(b1 + j, rest) : V.Zero;
            V y2 = K.Value > 2 ? V.LoadPartial(b2 + j, rest) : V.Zero, y3 = K.Value > 3 ? V.LoadPartial(b3 + j, rest) : V.Zero;
            V.StorePartial(Chain<K>(accumulate ? V.LoadPartial(c + j, rest) : V.Zero, x00, y0, x01, y1, x02, y2, x03, y3), c + j, rest);
            if (Rows.Value > 1) V.StorePartial(Chain<K>(accumulate ? V.LoadPartial(c1 + j, rest) : V.Zero, x10, y0, x11, y1, x12, y2, x13, y3), c1 + j, rest);
            if (Rows.Value > 2) V.StorePartial(Chain<K>(accumulate ? V.LoadPartial(c2 + j, rest) : V.Zero, x20, y0, x21, y1, x22, y2, x23, y3), c2 + j, rest);
            if (Rows.Value > 3) V.StorePartial(Chain<K>(accumulate ? V.LoadPartial(c3 + j, rest) : V.Zero, x30, y0, x31, y1, x32, y2, x33, y3), c3 + j, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Factor<K, I>(T* a, nint aStep) where K : ICount where I : ICount =>
        K.Value > I.Value ? V.Splat(a[I.Value * aStep]) : V.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Chain<K>(V sum, V x0, V y0, V x1, V y1, V x2, V y2, V x3, V y3) where K : ICount
    {
        if (K.Value > 0) sum = V.MultiplyAdd(x0, y0, sum);
        if (K.Value > 1) sum = V.MultiplyAdd(x1, y1, sum);
        if (K.Value > 2) sum = V.MultiplyAdd(x2, y2, sum);
        if (K.Value > 3) sum = V.MultiplyAdd(x3, y3, sum);
        return sum;
    }
}
