using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>Random orthogonal matrices by Householder's factorisation of a normal one, in double.</summary>
/// <remarks>
/// Q of A = QR with R's diagonal made positive is distributed evenly over the orthogonal group (Mezzadri, "How to generate
/// random matrices from the classical compact groups", 2007). Householder reflections keep ‖QᵀQ - I‖ at a few ulp times
/// the size whatever the condition of A, which Gram–Schmidt does not. Vectors lie one after the other in memory, so all
/// inner loops run over neighbours; sums go through eight fixed lanes, so that every machine draws the same matrix.
/// </remarks>
internal static class OrthonormalMatrix
{
    /// <summary>rows × columns, row-major; the shorter side's vectors are orthonormal.</summary>
    public static double[] Draw(int rows, int columns, Generator generator)
    {
        int n = Math.Max(rows, columns), k = Math.Min(rows, columns);
        if (k == 0) return [];

        // k vectors of length n, each contiguous: rows of the result when it is wide, else its columns.
        var vectors = Normals(n * (long)k, generator);
        var q = Orthonormalize(vectors, n, k);
        if (rows <= columns) return q;
        var transposed = new double[q.Length];
        for (var j = 0; j < k; j++)
            for (var i = 0; i < n; i++) transposed[i * k + j] = q[j * n + i];
        return transposed;
    }

    private static double[] Normals(long count, Generator generator)
    {
        var values = new double[checked((int)count)];
        var start = generator.Advance(values.Length);
        for (var i = 0; i < values.Length; i += 2)
        {
            var (even, odd) = Philox.NormalPair(generator.Seed, (start + (ulong)i) >> 1);
            values[i] = even;
            if (i + 1 < values.Length) values[i + 1] = odd;
        }

        return values;
    }

    /// <summary>Q for the k vectors of length n as columns of A; the reflections overwrite A.</summary>
    private static double[] Orthonormalize(double[] a, int n, int k)
    {
        var sign = new double[k];
        for (var j = 0; j < k; j++)
        {
            var v = a.AsSpan(j * n, n)[j..];
            var norm = Math.Sqrt(Dot(v, v));
            var head = v[0];
            // The reflection sends the column to -sign(head) · norm · e, which cannot cancel; R's diagonal has that sign.
            sign[j] = head > 0 ? -1 : 1;
            v[0] = head - sign[j] * norm;
            var square = Dot(v, v);
            if (square == 0) continue;
            var scale = Math.Sqrt(2 / square);
            foreach (ref var x in v) x *= scale;
            for (var c = j + 1; c < k; c++) Reflect(a.AsSpan(c * n, n)[j..], v);
        }

        var q = new double[n * k];
        for (var c = 0; c < k; c++)
        {
            var y = q.AsSpan(c * n, n);
            y[c] = sign[c];
            // Reflections beyond c leave the first unit vectors alone, so they can be skipped.
            for (var j = c; j >= 0; j--) Reflect(y[j..], a.AsSpan(j * n, n)[j..]);
        }

        return q;
    }

    /// <summary>y -= v (v·y), the reflection at the plane orthogonal to v, where ‖v‖² = 2.</summary>
    private static void Reflect(Span<double> y, ReadOnlySpan<double> v)
    {
        var factor = Dot(v, y);
        var wide = MemoryMarshal.Cast<double, Vector512<double>>(y);
        var wideV = MemoryMarshal.Cast<double, Vector512<double>>(v);
        for (var i = 0; i < wide.Length; i++) wide[i] -= wideV[i] * factor;
        for (var i = wide.Length * Vector512<double>.Count; i < y.Length; i++) y[i] -= v[i] * factor;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var wideA = MemoryMarshal.Cast<double, Vector512<double>>(a);
        var wideB = MemoryMarshal.Cast<double, Vector512<double>>(b);
        var lanes = Vector512<double>.Zero;
        for (var i = 0; i < wideA.Length; i++) lanes += wideA[i] * wideB[i];
        // The order of this sum is spelled out: Vector512.Sum may add in another one on narrower hardware.
        var sum = 0.0;
        for (var i = 0; i < Vector512<double>.Count; i++) sum += lanes[i];
        for (var i = wideA.Length * Vector512<double>.Count; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }
}
