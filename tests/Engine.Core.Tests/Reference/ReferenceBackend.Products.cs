using Edifice.Engine.Backends;

namespace Edifice.Engine.Tests.Reference;

/// <summary>Matrix products, attention and transforms.</summary>
internal sealed partial class ReferenceBackend
{
    public void MatMul(Tensor a, Tensor b, Tensor y, in Epilogue epilogue)
    {
        int m = y.Layout.Dims[^2], n = y.Layout.Dims[^1], k = a.Layout.Dims[^1];
        double[] p = Load(a), q = Load(b), r = epilogue.Accumulate ? Load(y) : new double[y.Count];
        var bias = LoadOrNull(epilogue.Bias);
        for (var batch = 0; batch < r.Length / Math.Max(1, m * n); batch++)
            for (var i = 0; i < m; i++)
                for (var j = 0; j < n; j++)
                {
                    double sum = 0;
                    for (var l = 0; l < k; l++) sum += p[(batch * m + i) * k + l] * q[(batch * k + l) * n + j];
                    r[(batch * m + i) * n + j] += sum + (bias?[j] ?? 0);
                }

        StoreOrNot(epilogue.PreActivation, r);
        var activation = epilogue.Activation;
        Store(y, [.. r.Select(v => Act(activation, v))]);
    }

    public void Attention(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse)
    {
        var s = spec;
        int dv = v.Layout.Dims[3];
        double[] values = Load(v), r = new double[output.Count], l = new double[lse.Count];
        EachQuery(spec, q, k, keyMask, querySegments, keySegments, (row, scores, keys) =>
        {
            l[row] = LogSumExp(scores);
            for (var j = 0; j < scores.Length; j++)
                for (var c = 0; c < dv && scores[j] > double.NegativeInfinity; c++)
                    r[row * dv + c] += Math.Exp(scores[j] - l[row]) * values[keys[j] * dv + c];
        });
        Store(output, r);
        Store(lse, l);
    }

    public void AttentionVjp(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv)
    {
        int d = q.Layout.Dims[3], w = v.Layout.Dims[3];
        var scale = spec.Scale;
        double[] g = Load(dout), ql = Load(q), kl = Load(k), vl = Load(v), o = Load(output), l = Load(lse);
        double[] rq = new double[ql.Length], rk = new double[kl.Length], rv = new double[vl.Length];
        var gl = LoadOrNull(dlse);
        EachQuery(spec, q, k, keyMask, querySegments, keySegments, (row, scores, keys) =>
        {
            double delta = 0;
            for (var c = 0; c < w; c++) delta += g[row * w + c] * o[row * w + c];
            for (var j = 0; j < scores.Length; j++)
            {
                if (double.IsNegativeInfinity(scores[j])) continue;
                double p = Math.Exp(scores[j] - l[row]), dp = 0;
                for (var c = 0; c < w; c++)
                {
                    dp += g[row * w + c] * vl[keys[j] * w + c];
                    rv[keys[j] * w + c] += p * g[row * w + c];
                }

                var ds = scale * p * (dp - delta + (gl?[row] ?? 0));
                for (var c = 0; c < d; c++)
                {
                    rq[row * d + c] += ds * kl[keys[j] * d + c];
                    rk[keys[j] * d + c] += ds * ql[row * d + c];
                }
            }
        });
        Store(dq, rq);
        Store(dk, rk);
        Store(dv, rv);
    }

    /// <summary>Visits every query row (in [B, Lq, h] order) with its scores, -inf where it sees nothing, and the key rows.</summary>
    private static void EachQuery(AttentionSpec spec, Tensor q, Tensor k, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments,
        Action<int, double[], int[]> visit)
    {
        int batch = q.Layout.Dims[0], lq = q.Layout.Dims[1], h = q.Layout.Dims[2], d = q.Layout.Dims[3], lk = k.Layout.Dims[1], groups = k.Layout.Dims[2];
        double[] ql = Load(q), kl = Load(k);
        double[]? mask = LoadOrNull(keyMask), qs = LoadOrNull(querySegments), ks = LoadOrNull(keySegments);
        for (var b = 0; b < batch; b++)
            for (var i = 0; i < lq; i++)
                for (var a = 0; a < h; a++)
                {
                    var row = (b * lq + i) * h + a;
                    var p = i + spec.QueryOffset;
                    var scores = new double[lk];
                    var keys = new int[lk];
                    for (var j = 0; j < lk; j++)
                    {
                        keys[j] = (b * lk + j) * groups + a / (h / groups);
                        for (var c = 0; c < d; c++) scores[j] += ql[row * d + c] * kl[keys[j] * d + c];
                        scores[j] *= spec.Scale;
                        if (spec.Alibi) scores[j] -= Engine.Alibi.Slope(a, h) * Math.Abs(p - j);
                        var hidden = (spec.Causal && j > p) || (spec.Window > 0 && p - j >= spec.Window) ||
                            mask?[b * lk + j] == 0 || (qs is not null && qs[b * lq + i] != ks![b * lk + j]);
                        if (hidden) scores[j] = double.NegativeInfinity;
                    }

                    visit(row, scores, keys);
                }
    }

    public void Fourier(FourierKernel kernel, Tensor x, int n, Tensor y)
    {
        double[] v = Load(x), r = new double[y.Count];
        var realIn = kernel == FourierKernel.RealForward;
        var halfIn = kernel == FourierKernel.RealInverse;
        var halfOut = kernel == FourierKernel.RealForward;
        int inRow = realIn ? n : halfIn ? 2 * (n / 2 + 1) : 2 * n, outRow = halfOut ? 2 * (n / 2 + 1) : halfIn ? n : 2 * n;
        var inverse = kernel is FourierKernel.Inverse or FourierKernel.RealInverse;
        for (var row = 0; row < v.Length / inRow; row++)
        {
            (double Re, double Im) At(int j)
            {
                if (realIn) return (v[row * inRow + j], 0);
                if (!halfIn) return (v[row * inRow + 2 * j], v[row * inRow + 2 * j + 1]);
                var bin = j <= n / 2 ? j : n - j;
                var im = bin == 0 || 2 * bin == n ? 0 : v[row * inRow + 2 * bin + 1];
                return (v[row * inRow + 2 * bin], j <= n / 2 ? im : -im);
            }

            for (var k = 0; k < (halfOut ? n / 2 + 1 : n); k++)
            {
                double re = 0, im = 0;
                for (var j = 0; j < n; j++)
                {
                    var (s, c) = Math.SinCos((inverse ? 2 : -2) * Math.PI * ((long)j * k % n) / n);
                    var (a, b) = At(j);
                    re += a * c - b * s;
                    im += a * s + b * c;
                }

                if (inverse) (re, im) = (re / n, im / n);
                if (halfIn) r[row * outRow + k] = re;
                else (r[row * outRow + 2 * k], r[row * outRow + 2 * k + 1]) = (re, im);
            }
        }

        Store(y, r);
    }

    public void Fourier2Real(Tensor x, Tensor y)
    {
        int batch = x.Layout.Dims[0], l = x.Layout.Dims[1], h = x.Layout.Dims[2];
        double[] v = Load(x), r = new double[v.Length];
        for (var b = 0; b < batch; b++)
            for (var k = 0; k < l; k++)
                for (var m = 0; m < h; m++)
                    for (var i = 0; i < l; i++)
                        for (var j = 0; j < h; j++)
                            r[(b * l + k) * h + m] += v[(b * l + i) * h + j] *
                                Math.Cos(2 * Math.PI * ((double)((long)k * i % l) / l + (double)((long)m * j % h) / h));
        Store(y, r);
    }
}
