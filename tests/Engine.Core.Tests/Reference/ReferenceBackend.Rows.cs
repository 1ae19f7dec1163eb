using Edifice.Engine.Backends;

namespace Edifice.Engine.Tests.Reference;

/// <summary>Fused row operations, rotation, convolution, random numbers, optimizers.</summary>
internal sealed partial class ReferenceBackend
{
    public void Softmax(Tensor x, Tensor y, bool log) => Store(y, Rows(Load(x), x.Layout.Dims[^1], row =>
    {
        var m = row.Max();
        var sum = row.Sum(v => Math.Exp(v - m));
        return [.. row.Select(v => log ? v - m - Math.Log(sum) : Math.Exp(v - m) / sum)];
    }));

    public void SoftmaxVjp(Tensor g, Tensor y, Tensor dx, bool log)
    {
        var n = y.Layout.Dims[^1];
        double[] d = Load(g), p = Load(y), r = new double[p.Length];
        for (var at = 0; at < p.Length; at += n)
        {
            double sum = 0;
            for (var i = at; i < at + n; i++) sum += log ? d[i] : d[i] * p[i];
            for (var i = at; i < at + n; i++) r[i] = log ? d[i] - Math.Exp(p[i]) * sum : p[i] * (d[i] - sum);
        }

        Store(dx, r);
    }

    public void Norm(NormKernel kernel, Tensor x, Tensor? weight, Tensor? bias, double eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
        var n = x.Layout.Dims[^1];
        double[] values = Load(x), r = new double[values.Length], m = new double[values.Length / n], s = new double[values.Length / n];
        double[]? w = LoadOrNull(weight), b = LoadOrNull(bias);
        for (var row = 0; row < m.Length; row++)
        {
            var line = values.AsSpan(row * n, n).ToArray();
            m[row] = kernel == NormKernel.Layer ? line.Average() : 0;
            s[row] = 1 / Math.Sqrt(line.Average(v => (v - m[row]) * (v - m[row])) + eps);
            for (var i = 0; i < n; i++) r[row * n + i] = (line[i] - m[row]) * s[row] * (w?[i] ?? 1) + (b?[i] ?? 0);
        }

        Store(y, r);
        StoreOrNot(mean, m);
        StoreOrNot(rstd, s);
    }

    public void NormVjp(NormKernel kernel, Tensor g, Tensor x, Tensor? weight, Tensor? mean, Tensor rstd, Tensor? dx, Tensor? dweight, Tensor? dbias)
    {
        var n = x.Layout.Dims[^1];
        double[] d = Load(g), values = Load(x), s = Load(rstd), rx = new double[values.Length], rw = new double[n], rb = new double[n];
        double[]? w = LoadOrNull(weight), m = LoadOrNull(mean);
        for (var row = 0; row < s.Length; row++)
        {
            double sum = 0, dot = 0;
            for (var i = 0; i < n; i++)
            {
                var at = row * n + i;
                double hat = (values[at] - (m?[row] ?? 0)) * s[row], y = d[at] * (w?[i] ?? 1);
                rw[i] += d[at] * hat;
                rb[i] += d[at];
                sum += y / n;
                dot += y * hat / n;
            }

            for (var i = 0; i < n; i++)
            {
                var at = row * n + i;
                double hat = (values[at] - (m?[row] ?? 0)) * s[row], y = d[at] * (w?[i] ?? 1);
                rx[at] = s[row] * (y - (kernel == NormKernel.Layer ? sum : 0) - hat * dot);
            }
        }

        StoreOrNot(dx, rx);
        StoreOrNot(dweight, rw);
        StoreOrNot(dbias, rb);
    }

    public void CrossEntropy(Tensor logits, Tensor target, long ignoreIndex, double smoothing, Tensor loss, Tensor lse)
    {
        var n = logits.Layout.Dims[^1];
        double[] x = Load(logits), t = Load(target), r = new double[t.Length], s = new double[t.Length];
        for (var row = 0; row < t.Length; row++)
        {
            var line = x.AsSpan(row * n, n).ToArray();
            s[row] = LogSumExp(line);
            if (t[row] != ignoreIndex)
                r[row] = (1 - smoothing) * (s[row] - line[(int)t[row]]) + smoothing * line.Average(v => s[row] - v);
        }

        Store(loss, r);
        Store(lse, s);
    }

    public void CrossEntropyVjp(Tensor g, Tensor logits, Tensor target, Tensor lse, long ignoreIndex, double smoothing, Tensor dlogits)
    {
        var n = logits.Layout.Dims[^1];
        double[] d = Load(g), x = Load(logits), t = Load(target), s = Load(lse), r = new double[x.Length];
        for (var row = 0; row < t.Length; row++)
            for (var i = 0; i < n && t[row] != ignoreIndex; i++)
                r[row * n + i] = d[row] * (Math.Exp(x[row * n + i] - s[row]) - (i == t[row] ? 1 - smoothing : 0) - smoothing / n);
        Store(dlogits, r);
    }

    public void Gated(Activation activation, Tensor gate, Tensor up, Tensor y) =>
        Store(y, [.. Load(gate).Zip(Load(up), (a, b) => Act(activation, a) * b)]);

    public void GatedVjp(Activation activation, Tensor g, Tensor gate, Tensor up, Tensor dgate, Tensor dup)
    {
        double[] d = Load(g), a = Load(gate), b = Load(up);
        Store(dgate, [.. d.Select((v, i) => v * b[i] * ActSlope(activation, a[i]))]);
        Store(dup, [.. d.Select((v, i) => v * Act(activation, a[i]))]);
    }

    public void Rotate(Tensor x, Tensor cos, Tensor sin, bool interleaved, bool inverse, Tensor y)
    {
        int batch = x.Layout.Dims[0], length = x.Layout.Dims[1], heads = x.Layout.Dims[2], d = x.Layout.Dims[3], n = cos.Layout.Dims[2];
        double[] v = Load(x), c = Load(cos), s = Load(sin), r = (double[])v.Clone();
        for (var b = 0; b < batch; b++)
            for (var t = 0; t < length; t++)
                for (var h = 0; h < heads; h++)
                    for (var i = 0; i < n; i++)
                    {
                        int angle = ((cos.Layout.Dims[0] == 1 ? 0 : b) * length + t) * n + i, at = ((b * length + t) * heads + h) * d;
                        int p = at + (interleaved ? 2 * i : i), q = at + (interleaved ? 2 * i + 1 : i + n);
                        var turn = inverse ? -s[angle] : s[angle];
                        (r[p], r[q]) = (v[p] * c[angle] - v[q] * turn, v[q] * c[angle] + v[p] * turn);
                    }

        Store(y, r);
    }

    public void DepthwiseConv(Tensor x, Tensor weight, Tensor? bias, Tensor? segments, int left, Tensor y)
    {
        double[] v = Load(x), w = Load(weight), r = new double[y.Count];
        double[]? b = LoadOrNull(bias);
        EachTap(x, weight, segments, left, y.Layout.Dims[1], (from, tap, to) => r[to] += w[tap] * v[from]);
        var channels = x.Layout.Dims[2];
        for (var i = 0; i < r.Length && b is not null; i++) r[i] += b[i % channels];
        Store(y, r);
    }

    public void DepthwiseConvVjp(Tensor g, Tensor x, Tensor weight, Tensor? segments, int left, Tensor? dx, Tensor? dweight, Tensor? dbias)
    {
        double[] d = Load(g), v = Load(x), w = Load(weight), rx = new double[v.Length], rw = new double[w.Length], rb = new double[x.Layout.Dims[2]];
        EachTap(x, weight, segments, left, g.Layout.Dims[1], (from, tap, to) =>
        {
            rx[from] += w[tap] * d[to];
            rw[tap] += v[from] * d[to];
        });
        for (var i = 0; i < d.Length; i++) rb[i % rb.Length] += d[i];
        StoreOrNot(dx, rx);
        StoreOrNot(dweight, rw);
        StoreOrNot(dbias, rb);
    }

    private static void EachTap(Tensor x, Tensor weight, Tensor? segments, int left, int length, Action<int, int, int> visit)
    {
        int batch = x.Layout.Dims[0], width = x.Layout.Dims[1], channels = x.Layout.Dims[2], taps = weight.Layout.Dims[1];
        var segment = LoadOrNull(segments);
        for (var b = 0; b < batch; b++)
            for (var t = 0; t < length; t++)
                for (var j = 0; j < taps; j++)
                {
                    var from = t + j - left;
                    if (from < 0 || from >= width) continue;
                    if (segment is not null && segment[b * width + from] != segment[b * width + t + taps - 1 - left]) continue;
                    for (var c = 0; c < channels; c++) visit((b * width + from) * channels + c, c * taps + j, (b * length + t) * channels + c);
                }
    }

    public void Random(RandomKernel kernel, ulong seed, ulong offset, double p0, double p1, Tensor y)
    {
        var r = new double[y.Count];
        for (var i = 0; i < r.Length; i++)
        {
            var element = offset + (ulong)i;
            if (kernel == RandomKernel.Uniform)
            {
                r[i] = p0 + (p1 - p0) * (y.DType == DType.Float32 ? Philox.UniformSingle(seed, element) : Philox.Uniform(seed, element));
                continue;
            }

            var (even, odd) = Philox.NormalPair(seed, element / 2);
            r[i] = p0 + p1 * (element % 2 == 0 ? even : odd);
        }

        Store(y, r);
    }

    public void Dropout(Tensor x, double p, ulong seed, ulong offset, Tensor y) => Store(y, [.. Load(x).Select((v, i) =>
        (y.DType == DType.Float32 ? Philox.UniformSingle(seed, offset + (ulong)i) : Philox.Uniform(seed, offset + (ulong)i)) >= p ? v / (1 - p) : 0)]);

    public void OptimizerStep(OptimizerKernel kernel, in OptimizerSettings settings, Tensor parameter, Tensor gradient,
        double gradientScale, Tensor? state0, Tensor? state1, Tensor? state2) => throw new NotSupportedException("update rules have their own tests");

    private static double[] Rows(double[] values, int n, Func<double[], double[]> f)
    {
        var r = new double[values.Length];
        for (var at = 0; at < values.Length; at += n) f(values[at..(at + n)]).CopyTo(r, at);
        return r;
    }

    private static double Act(Activation activation, double x) => Kernel(activation) is { } k ? Value(k, x, 0, 0) : x;

    /// <summary>The slope at x; kernels that keep their result are asked with it.</summary>
    private static double ActSlope(Activation activation, double x) => Kernel(activation) is { } k
        ? Slope(k, k is UnaryKernel.Relu or UnaryKernel.Sigmoid or UnaryKernel.Tanh ? Value(k, x, 0, 0) : x, 0, 0)
        : 1;

    private static UnaryKernel? Kernel(Activation activation) => activation switch
    {
        Activation.None => null,
        Activation.Relu => UnaryKernel.Relu,
        Activation.Gelu => UnaryKernel.Gelu,
        Activation.GeluTanh => UnaryKernel.GeluTanh,
        Activation.Silu => UnaryKernel.Silu,
        Activation.Sigmoid => UnaryKernel.Sigmoid,
        _ => UnaryKernel.Tanh,
    };
}
