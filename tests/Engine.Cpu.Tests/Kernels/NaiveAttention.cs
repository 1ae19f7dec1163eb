using System.Numerics;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Attention and its gradients as the equations stand, in double, one pair of query and key at a time.</summary>
internal sealed class NaiveAttention
{
    public required double[] Output, LogSumExp, QueryGradient, KeyGradient, ValueGradient;

    /// <summary>The largest sum of magnitudes behind an element of a gradient of queries or keys. Where one key has all the weight, the two
    /// parts of its slope cancel, and their rounding is all that is left.</summary>
    public double SlopeMagnitude { get; private set; }

    public static NaiveAttention Of<T>(AttentionRun<T> run, bool withLogSumExp) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int[] dq = run.Q.Layout.Dims, dk = run.K.Layout.Dims;
        int batch = dq[0], queries = dq[1], heads = dq[2], width = dq[3], keys = dk[1], keyHeads = dk[2], valueWidth = run.V.Layout.Dims[3];
        var result = new NaiveAttention
        {
            Output = new double[batch * queries * heads * valueWidth], LogSumExp = new double[batch * queries * heads],
            QueryGradient = new double[run.Q.Count], KeyGradient = new double[run.K.Count], ValueGradient = new double[run.V.Count],
        };
        var s = new double[keys];
        double[] queryMagnitude = new double[run.Q.Count], keyMagnitude = new double[run.K.Count];
        for (var b = 0; b < batch; b++)
        for (var i = 0; i < queries; i++)
        for (var a = 0; a < heads; a++)
        {
            var g = a / (heads / keyHeads);
            var p = (long)i + run.Spec.QueryOffset;
            var row = (b * queries + i) * heads + a;
            var top = double.NegativeInfinity;
            for (var j = 0; j < keys; j++)
            {
                var visible = (!run.Spec.Causal || j <= p) && (run.Spec.Window == 0 || p - j < run.Spec.Window)
                    && (run.Mask is null || Strided.At<bool>(run.Mask, b, j))
                    && (run.QuerySegments is null || Strided.At<int>(run.QuerySegments, b, i) == Strided.At<int>(run.KeySegments!, b, j));
                s[j] = double.NegativeInfinity;
                if (!visible) continue;
                var dot = 0.0;
                for (var x = 0; x < width; x++) dot += Value(run.Q, b, i, a, x) * Value(run.K, b, j, g, x);
                s[j] = run.Spec.Scale * dot - (run.Spec.Alibi ? Slope(a, heads) * Math.Abs(p - j) : 0);
                top = Math.Max(top, s[j]);
            }

            result.LogSumExp[row] = double.NegativeInfinity;
            if (double.IsNegativeInfinity(top)) continue;
            var z = 0.0;
            for (var j = 0; j < keys; j++) z += Math.Exp(s[j] - top);
            var lse = result.LogSumExp[row] = top + Math.Log(z);
            for (var j = 0; j < keys; j++)
            for (var x = 0; x < valueWidth; x++)
                if (s[j] > double.NegativeInfinity) result.Output[row * valueWidth + x] += Math.Exp(s[j] - lse) * Value(run.V, b, j, g, x);

            var delta = withLogSumExp ? -Value(run.LogSumExpCotangent, b, i, a) : 0;
            for (var x = 0; x < valueWidth; x++) delta += result.Output[row * valueWidth + x] * Value(run.OutputCotangent, b, i, a, x);
            for (var j = 0; j < keys; j++)
            {
                if (double.IsNegativeInfinity(s[j])) continue;
                var weight = Math.Exp(s[j] - lse);
                double slope = -delta, magnitude = Math.Abs(delta);
                var key = (b * keys + j) * keyHeads + g;
                for (var x = 0; x < valueWidth; x++)
                {
                    var product = Value(run.OutputCotangent, b, i, a, x) * Value(run.V, b, j, g, x);
                    slope += product;
                    magnitude += Math.Abs(product);
                    result.ValueGradient[key * valueWidth + x] += weight * Value(run.OutputCotangent, b, i, a, x);
                }

                for (var x = 0; x < width; x++)
                {
                    result.QueryGradient[row * width + x] += run.Spec.Scale * weight * slope * Value(run.K, b, j, g, x);
                    result.KeyGradient[key * width + x] += run.Spec.Scale * weight * slope * Value(run.Q, b, i, a, x);
                    queryMagnitude[row * width + x] += run.Spec.Scale * weight * magnitude * Math.Abs(Value(run.K, b, j, g, x));
                    keyMagnitude[key * width + x] += run.Spec.Scale * weight * magnitude * Math.Abs(Value(run.Q, b, i, a, x));
                }
            }
        }

        result.SlopeMagnitude = queryMagnitude.Concat(keyMagnitude).DefaultIfEmpty().Max();
        return result;

        static double Value(Tensor t, params ReadOnlySpan<int> index) => double.CreateChecked(Strided.At<T>(t, index));
    }

    // Equation 6 of the page.
    private static double Slope(int head, int heads)
    {
        var n = 1 << (int)Math.Floor(Math.Log2(heads));
        return head < n ? Math.Pow(2, -8.0 * (head + 1) / n) : Math.Pow(2, -4.0 * (2 * (head - n) + 1) / n);
    }
}
