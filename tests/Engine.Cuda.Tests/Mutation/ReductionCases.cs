using Edifice.Engine.Tests.Ops;

namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>Every reduction by each layout of threads, with one segment and with several, on numbers that tell its entries apart: what is
/// extreme, unordered or equal lies at every kind of place, and sums cancel.</summary>
internal static class ReductionCases
{
    /// <summary>Extents, reduced axes, and whether every second place along each axis is taken: a warp a result (fewer entries than lanes,
    /// four at once and a rest), a block (likewise), two segments of blocks, columns with more segments than lanes, with fewer entries than
    /// warps and of two blocks; then entries and results that lie along several axes,
    /// in two segments and in one.</summary>
    private static readonly ReductionForm[] s_forms =
    [
        new([9, 5], [1], 32), new([45, 135], [1], 32, Spread: true), new([12, 1030], [1], 256), new([2, 8200], [1], 256),
        new([2400, 5], [0], 8, 72), new([5, 40], [0], 8), new([70, 40], [0], 8, Spread: true),
        new([7, 9, 20], [0, 2], 32), new([3, 9, 5, 20], [1, 3], 32, Spread: true),
        new([3, 140, 12], [1], 8, Spread: true), new([20, 3, 8, 5], [0, 2], 8, Spread: true), new([2, 4, 140, 3], [2], 8, Spread: true),
        new([3, 50, 12], [1], 8, Spread: true), new([9, 3, 8, 5], [0, 2], 8, Spread: true), new([2, 4, 50, 3], [2], 8, Spread: true),
    ];

    /// <summary>Cases whose results are the CPU's to so many units in the last place of the largest.</summary>
    public static IEnumerable<(string Name, Func<DType, Device, List<(string, double[])>> Run, double Roundings)> All()
    {
        (string Name, Func<Tensor, Tensor> Of, Func<Tensor, int[], Tensor> Reduce, Func<EntryPlaces, double[]>[] Inputs)[] reductions =
        [
            ("sum", x => x, (x, a) => x.Sum(a), Sums), ("mean", x => x, (x, a) => x.Mean(a), Sums),
            ("var", x => x, (x, a) => x.Variance(a), Sums), ("prod", x => x * 1e-3 + 1, (x, a) => x.Prod(a), Sums),
            ("norm 1", x => x, (x, a) => x.Norm(1, a), Sums), ("norm 2", x => x, (x, a) => x.Norm(2, a), Sums),
            ("max", x => x, (x, a) => x.Max(a), Extremes), ("min", x => x, (x, a) => x.Min(a), Extremes),
            ("logsumexp", x => x, (x, a) => x.LogSumExp(a), Extremes), ("norm inf", x => x, (x, a) => x.Norm(double.PositiveInfinity, a), Extremes),
            ("any", x => x > 50, (x, a) => x.Any(a), Extremes), ("all", x => x > -50, (x, a) => x.All(a), Extremes),
            ("argmax", x => x, (x, a) => x.ArgMax(a[0]), Extremes), ("argmin", x => x, (x, a) => x.ArgMin(a[0]), Extremes),
            ("sum of whole numbers", Whole, (x, a) => x.Sum(a), Numbers), ("max of whole numbers", Whole, (x, a) => x.Max(a), Numbers),
            ("min of whole numbers", Whole, (x, a) => x.Min(a), Numbers),
        ];
        foreach (var (name, of, reduce, inputs) in reductions)
            foreach (var form in s_forms)
            {
                if (form.Axes.Length > 1 && name.StartsWith("arg", StringComparison.Ordinal)) continue;
                // A bool comes from either type.
                yield return ($"{name} of {form}", (dtype, device) => name is "any" or "all" && dtype == DType.Float64 ? [] : [.. inputs.Select((input, i) =>
                    {
                        var x = form.Build(input(new EntryPlaces(form, i)), dtype, device, of);
                        return ($"result {i}", OpSamples.Numbers(reduce(x, form.Axes)));
                    })],
                    name switch { "prod" => 128, "sum" or "mean" => 64, "var" => 32, _ => 4 });
            }
    }

    /// <summary>Sums of terms that lose digits at every addition, beside exact ones: the nearest number of the type is wanted.</summary>
    public static IEnumerable<(string Name, Action<DType, Device> Run)> Exact()
    {
        foreach (var form in s_forms)
            yield return ($"exact sums of {form}", (dtype, device) =>
            {
                // Whole numbers up to 2^large that a float of the type holds; once those of a result cancel.
                var large = dtype == DType.Float32 ? 23 : 52;
                var random = new Random(7);
                long Part() => random.NextInt64(-1L << large, 1L << large);
                long[] Cancelling()
                {
                    var row = new long[form.Entries];
                    var places = Enumerable.Range(0, row.Length).ToArray();
                    random.Shuffle(places);
                    for (var i = 0; i < row.Length; i++) row[places[i]] = i % 2 == 0 ? Part() : random.Next(-9, 10) - row[places[i - 1]];
                    return row;
                }

                long[] cancelling = [.. Enumerable.Range(0, form.Results).SelectMany(_ => Cancelling())];
                long[] others = [.. cancelling.Select(_ => Part())];
                // A large term here or there, beside which the others are lost.
                long[] peaks = [.. cancelling.Select(_ => (long)random.Next(1, 10))];
                for (var k = 0; k < form.Results; k++)
                {
                    var place = k * (form.Entries / form.Results | 1);
                    peaks[k * form.Entries + place % form.Entries] = 1L << large;
                    peaks[k * form.Entries + (place + form.Entries / 2) % form.Entries] = 2L << large;
                }

                foreach (var terms in new[] { cancelling, others, peaks })
                {
                    var x = form.Build([.. terms.Select(v => (double)v)], dtype, device, x => x);
                    Int128 Sum(IEnumerable<long> row) => row.Aggregate((Int128)0, (s, v) => s + v);
                    var rows = terms.Chunk(form.Entries);
                    Same(rows.Select(row => Rounded((double)Sum(row))), x.Sum(form.Axes), "sum");
                    Same(rows.Select(row => Rounded(Rounded((double)Sum(row)) / form.Entries)), x.Mean(form.Axes), "mean");
                    Same(rows.Select(row => Rounded((double)Sum(row.Select(Math.Abs)))), x.Norm(1, form.Axes), "norm 1");
                }

                double Rounded(double v) => dtype == DType.Float32 ? (float)v : v;
                void Same(IEnumerable<double> expected, Tensor actual, string what)
                {
                    foreach (var (e, a) in expected.Zip(OpSamples.Numbers(actual)))
                        Assert.True(e == a, $"{what} of {dtype} {form} is {a:G17} instead of {e:G17}");
                }
            });
    }

    /// <summary>Whole numbers that fill all bytes of the integer type of this size.</summary>
    public static Tensor Whole(Tensor x) => x.DType == DType.Float32 ? (x * 9).To(DType.Int32) : (x * (1L << 33)).To(DType.Int64);

    private static Func<EntryPlaces, double[]>[] Numbers =>
    [
        p => p.Normal(), p => p.Wandering(p.Normal(), 1000), p => p.Wandering(p.Normal(), -1000), p => p.Turning(p.Normal(), 1000),
        p => p.Turning(p.Normal(), -1000),
    ];

    private static Func<EntryPlaces, double[]>[] Sums =>
    [
        p => p.Normal(), p => p.Wandering(p.Normal(), 1000), p => p.Wandering(p.Normal(), double.NaN),
        p => p.Twice(p.Normal(), double.PositiveInfinity), p => p.Turning(p.Normal(), double.NegativeInfinity),
    ];

    private static Func<EntryPlaces, double[]>[] Extremes =>
    [
        .. Numbers, p => p.Wandering(p.Normal(), double.NaN), p => p.Turning(p.Normal(), double.NaN), p => p.Twice(p.Normal(), double.NaN),
        p => p.Twice(p.Normal(), 1000), p => p.Twice(p.Normal(), -1000),
        p => p.Wandering(p.Normal(), double.PositiveInfinity), p => p.Wandering(p.Normal(), double.NegativeInfinity),
        p => [.. p.Normal().Select(v => Math.Round(v))], p => [.. p.Normal().Select(v => Math.Round(v) + 100)],
        p => [.. p.Normal().Select(v => Math.Round(v) - 100)], p => p.All(double.NegativeInfinity), p => p.All(double.PositiveInfinity),
        p => p.Wandering(p.All(double.NegativeInfinity), 1), p => p.Wandering(p.All(double.PositiveInfinity), -1),
    ];
}
