using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Scores into weights e^(s - m) in place, strips of rows at a time.</summary>
/// <remarks>
/// <para>e^x = 2^n 2^r with n + r = x log₂e, n whole and |r| ≤ ½; 2^r by a polynomial through 1 at r = 0 (relative error 0.2 u, u the
/// unit roundoff). One rounding in s - m, one in the product and one in its constant make a weight wrong by at most (2 + 2|s - m|) u
/// of itself, hence by less than 3 u of the row's largest weight.</para>
/// <para>The constants are read from memory before the loops, so that they stay in registers: those that stand in the code are
/// loaded anew for every register of weights, which took longer than the arithmetic (14 cycles against 8.5, Zen 4).</para>
/// </remarks>
internal static unsafe class AttentionWeights<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Elements for <see cref="LayConstants"/>.</summary>
    public const int ConstantsSize = 16;

    private static ReadOnlySpan<double> Single =>
    [
        0.6931471824645996, 0.24022650718688965, 0.055503569543361664, 0.009618083015084267, 0.0013390863314270973, 0.00015453163359779865,
    ];

    private static ReadOnlySpan<double> Double =>
    [
        0.6931471805599453, 0.24022650695910097, 0.0555041086648216, 0.009618129107606888, 0.0013333558146416936, 0.0001540353044173605,
        1.525273382983612e-05, 1.321544258792169e-06, 1.0178062445845774e-07, 7.072585949269223e-09, 4.4549605981865186e-10,
    ];

    private static bool IsSingle
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => typeof(T) == typeof(float);
    }

    /// <summary>Writes log₂e, the bounds of n, and the polynomial from its constant term on.</summary>
    public static void LayConstants(T* to)
    {
        var polynomial = IsSingle ? Single : Double;
        to[0] = T.CreateTruncating(1.4426950408889634);
        // Below the lower bound 2^n is 0, above the upper one infinite.
        to[1] = T.CreateTruncating(IsSingle ? -152 : -1078);
        to[2] = T.CreateTruncating(IsSingle ? 129 : 1025);
        to[3] = T.One;
        for (var i = 0; i < polynomial.Length; i++) to[4 + i] = T.CreateTruncating(polynomial[i]);
    }

    /// <summary>Weights of a strip, and sums of each row's: lane by lane in the order of the columns, then over the lanes.</summary>
    /// <param name="scores">Rows <see cref="AttentionRows{V,T}.ScorePitch"/> apart.</param>
    /// <param name="rows">How many.</param>
    /// <param name="first">First column, at the border of a panel.</param>
    /// <param name="end">One past the last, at the border of a register.</param>
    /// <param name="shifts">m for each row, finite.</param>
    /// <param name="totals">The sums.</param>
    /// <param name="constants">From <see cref="LayConstants"/>.</param>
    public static void Run(T* scores, int rows, int first, int end, T* shifts, T* totals, T* constants) =>
        Run<N0>(scores, null, rows, first, end, shifts, totals, constants);

    /// <summary>Weights w of a strip, and w (g - offset) in place of g, without effect of g where w is 0.</summary>
    /// <param name="scores">Rows <see cref="AttentionRows{V,T}.ScorePitch"/> apart.</param>
    /// <param name="slopes">g, laid out like the scores.</param>
    /// <param name="rows">How many.</param>
    /// <param name="first">First column, at the border of a panel.</param>
    /// <param name="end">One past the last, at the border of a register.</param>
    /// <param name="shifts">m for each row, finite.</param>
    /// <param name="offsets">An offset for each row.</param>
    /// <param name="constants">From <see cref="LayConstants"/>.</param>
    public static void RunWithSlopes(T* scores, T* slopes, int rows, int first, int end, T* shifts, T* offsets, T* constants) =>
        Run<N1>(scores, slopes, rows, first, end, shifts, offsets, constants);

    private static void Run<Slopes>(T* scores, T* slopes, int rows, int first, int end, T* shifts, T* perRow, T* constants) where Slopes : ICount
    {
        V log2E = V.Splat(constants[0]), low = V.Splat(constants[1]), high = V.Splat(constants[2]);
        V c0 = V.Splat(constants[3]), c1 = V.Splat(constants[4]), c2 = V.Splat(constants[5]), c3 = V.Splat(constants[6]);
        V c4 = V.Splat(constants[7]), c5 = V.Splat(constants[8]), c6 = V.Splat(constants[9]);
        V c7 = default, c8 = default, c9 = default, c10 = default, c11 = default;
        if (!IsSingle)
        {
            c7 = V.Splat(constants[10]);
            c8 = V.Splat(constants[11]);
            c9 = V.Splat(constants[12]);
            c10 = V.Splat(constants[13]);
            c11 = V.Splat(constants[14]);
        }

        for (var r = 0; r < rows; r++)
        {
            var shift = V.Splat(shifts[r]);
            var offset = Slopes.Value > 0 ? V.Splat(perRow[r]) : V.Zero;
            V total = V.Zero, total2 = V.Zero;
            var x = first;
            for (; x + V.Count < end; x += 2 * V.Count)
            {
                var left = Exp((V.Load(scores + x) - shift) * log2E, low, high, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11);
                var right = Exp((V.Load(scores + x + V.Count) - shift) * log2E, low, high, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11);
                V.Store(left, scores + x);
                V.Store(right, scores + x + V.Count);
                if (Slopes.Value > 0)
                {
                    V.Store(Slope(left, V.Load(slopes + x) - offset), slopes + x);
                    V.Store(Slope(right, V.Load(slopes + x + V.Count) - offset), slopes + x + V.Count);
                }
                else
                {
                    total += left;
                    total2 += right;
                }
            }

            if (x < end)
            {
                var left = Exp((V.Load(scores + x) - shift) * log2E, low, high, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11);
                V.Store(left, scores + x);
                if (Slopes.Value > 0) V.Store(Slope(left, V.Load(slopes + x) - offset), slopes + x);
                else total += left;
            }

            scores += AttentionRows<V, T>.ScorePitch;
            if (Slopes.Value > 0) slopes += AttentionRows<V, T>.ScorePitch;
            else perRow[r] = V.Sum(total + total2);
        }
    }

    /// <summary>2^y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Exp(V y, V low, V high, V c0, V c1, V c2, V c3, V c4, V c5, V c6, V c7, V c8, V c9, V c10, V c11)
    {
        y = V.Clamp(y, low, high);
        var n = V.Round(y);
        var f = y - n;
        V p;
        if (IsSingle)
        {
            p = V.MultiplyAdd(c6, f, c5);
        }
        else
        {
            p = V.MultiplyAdd(c11, f, c10);
            p = V.MultiplyAdd(p, f, c9);
            p = V.MultiplyAdd(p, f, c8);
            p = V.MultiplyAdd(p, f, c7);
            p = V.MultiplyAdd(p, f, c6);
            p = V.MultiplyAdd(p, f, c5);
        }

        p = V.MultiplyAdd(p, f, c4);
        p = V.MultiplyAdd(p, f, c3);
        p = V.MultiplyAdd(p, f, c2);
        p = V.MultiplyAdd(p, f, c1);
        return V.Scale(V.MultiplyAdd(p, f, c0), n);
    }

    /// <summary>w g; 0 where w is 0, whatever g.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Slope(V weight, V g) => V.Select(V.Equal(weight, V.Zero), weight, weight * g);
}
