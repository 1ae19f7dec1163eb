using Edifice.Engine.Cuda.Tests.Families;
using Edifice.Engine.Tests.Ops;

namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>Functions of two arguments on every pair of special numbers, with operands one after the other, joined across and stretched
/// along other axes than the other's: element by element beside the CPU's.</summary>
internal static class PairCases
{
    public static IEnumerable<(string Name, Action<DType, Device> Run)> All()
    {
        (string Name, Func<Tensor, Tensor, Tensor> Of, double Roundings)[] functions =
        [
            ("pow", (x, y) => x.Pow(y), 8), ("maximum", (x, y) => x.Maximum(y), 0), ("minimum", (x, y) => x.Minimum(y), 0), ("difference", (x, y) => x - y, 0),
            ("quotient", (x, y) => x / y, 1), ("less", (x, y) => x < y, 0),
        ];
        (string Name, Func<Tensor, Tensor> First, Func<Tensor, Tensor> Second)[] layouts =
        [
            ("one after the other", x => x.Unsqueeze(1).Expand([x.Size(0), x.Size(0)]).Clone(), y => y.Unsqueeze(0).Expand([y.Size(0), y.Size(0)]).Clone()),
            ("across", x => x.Unsqueeze(1), y => y.Unsqueeze(0)),
            ("in three axes", x => x.Reshape(x.Size(0) / 3, 1, 3), y => y.Reshape(1, y.Size(0) / 3, 3)),
        ];
        foreach (var (name, of, roundings) in functions)
            foreach (var (layout, first, second) in layouts)
                yield return ($"{name} of operands {layout}", (dtype, device) =>
                {
                    var numbers = Numbers.Special.Concat(Numbers.Random(50, 3)).ToArray();
                    var x = Tensor.FromArray(numbers[..(numbers.Length / 3 * 3)]).To(dtype);
                    var expected = OpSamples.Numbers(of(first(x), second(x)));
                    var onCard = x.To(device);
                    var actual = OpSamples.Numbers(of(first(onCard), second(onCard)));
                    var epsilon = dtype == DType.Float32 ? Math.Pow(2, -23) : Math.Pow(2, -52);
                    var least = dtype == DType.Float32 ? Math.Pow(2, -126) : Math.Pow(2, -1022);
                    for (var i = 0; i < expected.Length; i++)
                        Assert.True(expected[i].Equals(actual[i]) || Math.Abs(expected[i] - actual[i]) <= roundings * epsilon * Math.Max(Math.Abs(expected[i]), least),
                            $"{name} of {dtype} operands {layout}: element {i} is {actual[i]:G17} instead of {expected[i]:G17}");
                });
    }
}
