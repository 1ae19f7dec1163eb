using Edifice.Engine.Backends;

namespace Edifice.Engine.Tests.Reference;

/// <summary>What runs along axes: reductions, scans, sorting, indexing.</summary>
internal sealed partial class ReferenceBackend
{
    public void Reduce(ReduceKernel kernel, Tensor x, ReadOnlySpan<int> axes, Tensor y, double p)
    {
        var sets = new List<double>[y.Count];
        for (var i = 0; i < sets.Length; i++) sets[i] = [];
        var over = axes.ToArray();
        var values = Load(x);
        for (var n = 0; n < values.Length; n++)
        {
            int rest = n, at = 0, step = 1;
            for (var axis = x.Rank - 1; axis >= 0; axis--)
            {
                var place = rest % x.Layout.Dims[axis];
                rest /= x.Layout.Dims[axis];
                if (over.Contains(axis)) continue;
                at += place * step;
                step *= x.Layout.Dims[axis];
            }

            sets[at].Add(values[n]);
        }

        Store(y, [.. sets.Select(s => Reduced(kernel, s, p))]);
    }

    private static double Reduced(ReduceKernel kernel, List<double> x, double p)
    {
        switch (kernel)
        {
            case ReduceKernel.Sum: return x.Sum();
            case ReduceKernel.Mean: return x.Sum() / x.Count;
            case ReduceKernel.Variance:
                var mean = x.Sum() / x.Count;
                return x.Sum(v => (v - mean) * (v - mean)) / Math.Max(0, x.Count - p);
            case ReduceKernel.Max: return x.Aggregate(double.NegativeInfinity, Math.Max);
            case ReduceKernel.Min: return x.Aggregate(double.PositiveInfinity, Math.Min);
            case ReduceKernel.Prod: return x.Aggregate(1.0, (a, b) => a * b);
            case ReduceKernel.LogSumExp: return LogSumExp(x);
            case ReduceKernel.Norm1: return x.Sum(Math.Abs);
            case ReduceKernel.Norm2: return Math.Sqrt(x.Sum(v => v * v));
            case ReduceKernel.NormInf: return x.Select(Math.Abs).Aggregate(0.0, Math.Max);
            case ReduceKernel.Any: return x.Any(v => v != 0) ? 1 : 0;
            default: return x.All(v => v != 0) ? 1 : 0;
        }
    }

    private static double LogSumExp(IReadOnlyCollection<double> x)
    {
        var m = x.Aggregate(double.NegativeInfinity, Math.Max);
        return double.IsInfinity(m) ? m : m + Math.Log(x.Sum(v => Math.Exp(v - m)));
    }

    public void ArgReduce(bool max, Tensor x, int axis, Tensor y) => Store(y, Lines(x, axis, 1, line =>
    {
        var best = 0;
        for (var i = 1; i < line.Length; i++)
            if (!double.IsNaN(line[best]) && (double.IsNaN(line[i]) || (max ? line[i] > line[best] : line[i] < line[best]))) best = i;
        return [best];
    }));

    public void Scan(ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive, Tensor y) => Store(y, Lines(x, axis, x.Layout.Dims[axis], line =>
    {
        if (reverse) Array.Reverse(line);
        var r = new double[line.Length];
        for (var i = 0; i < line.Length; i++)
            r[i] = kernel switch
            {
                ScanKernel.Sum => line[..(exclusive ? i : i + 1)].Sum(),
                ScanKernel.Prod => line[..(i + 1)].Aggregate(1.0, (a, b) => a * b),
                _ => LogSumExp(line[..(i + 1)]),
            };
        if (reverse) Array.Reverse(r);
        return r;
    }));

    public void Sort(Tensor x, int axis, bool descending, Tensor values, Tensor indices)
    {
        int[] Order(double[] line)
        {
            static int Rank(double a, double b) => double.IsNaN(a) ? (double.IsNaN(b) ? 0 : 1) : double.IsNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0;
            var places = Enumerable.Range(0, line.Length);
            var by = Comparer<double>.Create(Rank);
            return [.. descending ? places.OrderByDescending(i => line[i], by) : places.OrderBy(i => line[i], by)];
        }

        Store(values, Lines(x, axis, x.Layout.Dims[axis], line => [.. Order(line).Select(i => line[i])]));
        Store(indices, Lines(x, axis, x.Layout.Dims[axis], line => [.. Order(line).Select(i => (double)i)]));
    }

    public void Gather(Tensor x, Tensor index, int axis, Tensor y)
    {
        double[] values = Load(x), places = Load(index), r = new double[places.Length];
        for (var n = 0; n < r.Length; n++) r[n] = values[Moved(x, index, axis, n, (int)places[n])];
        Store(y, r);
    }

    public void ScatterAdd(Tensor src, Tensor index, int axis, Tensor y)
    {
        double[] values = Load(src), places = Load(index), r = Load(y);
        for (var n = 0; n < values.Length; n++) r[Moved(y, index, axis, n, (int)places[n])] += values[n];
        Store(y, r);
    }

    /// <summary>Where element n of the index's shape lies in x when its place on the axis is replaced.</summary>
    private static int Moved(Tensor x, Tensor index, int axis, int n, int place)
    {
        int at = 0, step = 1;
        for (var i = x.Rank - 1; i >= 0; i--)
        {
            at += (i == axis ? place : n % index.Layout.Dims[i]) * step;
            n /= index.Layout.Dims[i];
            step *= x.Layout.Dims[i];
        }

        return at;
    }

    public void IndexSelect(Tensor x, Tensor index, int axis, Tensor y)
    {
        var (outer, length, inner) = Around(x, axis);
        double[] values = Load(x), places = Load(index), r = new double[outer * places.Length * inner];
        for (var o = 0; o < outer; o++)
            for (var i = 0; i < places.Length; i++)
                for (var k = 0; k < inner; k++) r[(o * places.Length + i) * inner + k] = values[(o * length + (int)places[i]) * inner + k];
        Store(y, r);
    }

    public void IndexAdd(Tensor src, Tensor index, int axis, Tensor y)
    {
        var (outer, length, inner) = Around(y, axis);
        double[] values = Load(src), places = Load(index), r = Load(y);
        for (var o = 0; o < outer; o++)
            for (var i = 0; i < places.Length; i++)
                for (var k = 0; k < inner; k++) r[(o * length + (int)places[i]) * inner + k] += values[(o * places.Length + i) * inner + k];
        Store(y, r);
    }

    /// <summary>Applies a function to every line along an axis.</summary>
    private static double[] Lines(Tensor x, int axis, int resultLength, Func<double[], double[]> f)
    {
        var (outer, length, inner) = Around(x, axis);
        double[] values = Load(x), r = new double[outer * resultLength * inner];
        for (var o = 0; o < outer; o++)
            for (var k = 0; k < inner; k++)
            {
                var line = Enumerable.Range(0, length).Select(i => values[(o * length + i) * inner + k]).ToArray();
                var result = f(line);
                for (var i = 0; i < resultLength; i++) r[(o * resultLength + i) * inner + k] = result[i];
            }

        return r;
    }
}
