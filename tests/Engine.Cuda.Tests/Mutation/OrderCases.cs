using Edifice.Engine.Tests.Ops;

namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>Scans, sorts and copies of lines of several tiles, either way, with equal and unordered entries, beside one axis and beside
/// two whose steps cannot be joined.</summary>
internal static class OrderCases
{
    private static readonly (int[] Dims, int Axis)[] s_shapes =
    [
        ([3, 70], 1), ([2, 12_400], 1), ([2100, 3], 0), ([70, 40], 0), ([2, 2100, 3], 1), ([2, 30, 3], 1),
    ];

    /// <summary>Too long for a short test, but the only one of its kind: segments of lines beside two axes.</summary>
    private static readonly (int[] Dims, int Axis)[] s_longShapes = [.. s_shapes, ([2, 12_400, 2], 1)];

    /// <summary>Cases whose results are the CPU's to so many units in the last place of the largest.</summary>
    public static IEnumerable<(string Name, Func<DType, Device, List<(string, double[])>> Run, double Roundings)> All()
    {
        (string Name, Func<Tensor, int, Tensor[]> Of, (int[] Dims, int Axis)[] Shapes, double Roundings)[] orders =
        [
            ("cumsum", (x, a) => [x.CumSum(a), x.CumSum(a, reverse: true), x.CumSum(a, exclusive: true)], s_longShapes, 128),
            ("cumsum of whole numbers", (x, a) => [ReductionCases.Whole(x).CumSum(a)], s_shapes, 0),
            ("cumprod", (x, a) => [(x * 1e-2 + 1).CumProd(a)], s_longShapes, 128), ("logcumsumexp", (x, a) => [x.LogCumSumExp(a)], s_longShapes, 4),
            ("sort", (x, a) => [x.Sort(a).Values, x.Sort(a, descending: true).Indices], s_shapes, 0),
            ("sort of equals", (x, a) => [ReductionCases.Whole(x * 0.3).Sort(a).Indices], s_shapes, 0),
            ("index_select", (x, a) => [x.IndexSelect(a, Tensor.Arange(0, x.Size(a), 3, DType.Int64, x.Device))], s_shapes, 0),
            ("copy across", (x, _) => [x.Transpose().Clone(), x.Transpose() + x.Transpose().Clone()], s_shapes, 0),
        ];
        foreach (var (name, of, shapes, roundings) in orders)
            foreach (var (dims, axis) in shapes)
                foreach (var special in new[] { false, true })
                    yield return ($"{name} of [{string.Join(", ", dims)}]{(special ? ", some not finite" : "")}", (dtype, device) =>
                    {
                        Generator.Seeded(23);
                        var x = Tensor.Randn(dims, DType.Float64);
                        x.Narrow(0, 1, 1).Narrow(1, 1, 1).FillInPlace(double.NegativeInfinity);
                        var others = Enumerable.Range(0, dims.Length).Where(a => a != axis);
                        Tensor Line(Tensor t, int at) => others.Aggregate(t, (y, a) => y.Narrow(a, at, 1));
                        if (special)
                        {
                            Line(x, 1).FillInPlace(double.NegativeInfinity);
                            Line(x, 0).Narrow(axis, dims[axis] * 2 / 3, 1).FillInPlace(double.PositiveInfinity);
                            Line(x, 0).Narrow(axis, dims[axis] * 5 / 6, 1).FillInPlace(double.NaN);
                        }

                        return [.. of(x.To(dtype).To(device), axis).Select((y, i) => ($"result {i}", OpSamples.Numbers(y)))];
                    }, roundings);
    }
}
