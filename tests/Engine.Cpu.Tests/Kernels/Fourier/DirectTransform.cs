namespace Edifice.Engine.Cpu.Tests.Kernels.Fourier;

/// <summary>The discrete Fourier transform by its definition, in double: the second opinion.</summary>
internal static class DirectTransform
{
    /// <summary>e^(∓2πi jk/n) summed over pairs (re, im); <paramref name="sign"/> -1 is the forward transform.</summary>
    public static double[] Of(ReadOnlySpan<double> pairs, int sign = -1)
    {
        var n = pairs.Length / 2;
        var result = new double[2 * n];
        var roots = Enumerable.Range(0, n).Select(i => Math.SinCos(sign * 2 * Math.PI * i / n)).ToArray();
        for (var k = 0; k < n; k++)
        {
            for (var j = 0; j < n; j++)
            {
                var (s, c) = roots[(long)j * k % n];
                result[2 * k] += pairs[2 * j] * c - pairs[2 * j + 1] * s;
                result[2 * k + 1] += pairs[2 * j] * s + pairs[2 * j + 1] * c;
            }
        }

        return result;
    }

    /// <summary>Re Σ_l Σ_n x[l, n] e^(-2πi (kl/L + mn/H)) of one slice.</summary>
    public static double[] RealPart(ReadOnlySpan<double> x, int length, int width)
    {
        var rows = new double[length * width * 2];
        for (var l = 0; l < length; l++)
        {
            var pairs = new double[2 * width];
            for (var n = 0; n < width; n++) pairs[2 * n] = x[l * width + n];
            Of(pairs).CopyTo(rows, 2 * l * width);
        }

        var result = new double[length * width];
        var column = new double[2 * length];
        for (var m = 0; m < width; m++)
        {
            for (var l = 0; l < length; l++) (column[2 * l], column[2 * l + 1]) = (rows[2 * (l * width + m)], rows[2 * (l * width + m) + 1]);
            var transformed = Of(column);
            for (var k = 0; k < length; k++) result[k * width + m] = transformed[2 * k];
        }

        return result;
    }

    /// <summary>√Σ(a - b)² / √Σb².</summary>
    public static double RelativeError(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double error = 0, size = 0;
        for (var i = 0; i < a.Length; i++)
        {
            error += (a[i] - b[i]) * (a[i] - b[i]);
            size += b[i] * b[i];
        }

        return size == 0 ? Math.Sqrt(error) : Math.Sqrt(error / size);
    }
}
