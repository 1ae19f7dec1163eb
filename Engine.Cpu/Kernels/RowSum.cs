using System.Numerics;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Sums along a row.</summary>
/// <remarks>Blocks of 1024 terms are added in two registers of running sums (at most 32 additions each in float on 512
/// bits), block sums in double: the error stays near ε however long the row is.</remarks>
internal static class RowSum
{
    private const int Block = 1024;

    /// <summary>Σ of n terms.</summary>
    public static double Of<V, T, TTerm>(int n, TTerm terms)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged, INumber<T>
        where TTerm : struct, IRowTerm<V, T>
    {
        double total = 0;
        var i = 0;
        while (i < n)
        {
            var end = Math.Min(n, i + Block);
            V even = V.Zero, odd = V.Zero;
            for (; i <= end - 2 * V.Count; i += 2 * V.Count)
            {
                even += terms.At(i, V.Count);
                odd += terms.At(i + V.Count, V.Count);
            }

            for (; i < end; i += V.Count)
            {
                var left = Math.Min(V.Count, end - i);
                even += terms.At(i, left) & RowLanes.First<V, T>(left);
            }

            i = end;
            total += double.CreateTruncating(V.Sum(even + odd));
        }

        return total;
    }
}
