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
            ("pow", (x, y) => x.Pow(y), 8), ("maximum", (x, y) => x.Maximum(y), 0), ("minimum", (x, y) => x.Minimum(y), 0),
            ("difference", (x, y) => x - y, 0), ("quotient", (x, y) => x / y, 1), ("less", (x, y) => x < y, 0),
        ];
        (string Name, Func<Tensor, Tensor> First, Func<Tensor, Tensor> Second)[] layouts =
        [
            // Each pair four times, so that each of a thread's four places has it.
            ("one after the other", x => x.Reshape(-1, 1, 1).Expand([x.Size(0), x.Size(0), 4]).Clone(),
                y => y.Reshape(1, -1, 1).Expand([y.Size(0), y.Size(0), 4]).Clone()),
            ("across", x => x.Unsqueeze(1), y => y.Unsqueeze(1).Expand([y.Size(0), 4]).Reshape(1, -1)),
            ("across, the first turned", x => x.Unsqueeze(1).Expand([x.Size(0), 4]).Reshape(1, -1), y => y.Unsqueeze(1)),
            ("in three axes", x => x.Reshape(x.Size(0) / 3, 1, 3), y => y.Reshape(1, y.Size(0) / 3, 3)),
            ("with one number", x => x, y => y.Narrow(0, 9, 1)),
            ("beside rows", x => x.Reshape(-1, 12), y => y.Narrow(0, 20, 12)),
            ("beside rows of odd length", x => x.Reshape(-1, 3), y => y.Narrow(0, 20, 3)),
            ("beside columns", x => x.Reshape(-1, 12), y => y.Narrow(0, 7, y.Size(0) / 12).Unsqueeze(1)),
        ];
        foreach (var (name, of, roundings) in functions)
            foreach (var (layout, first, second) in layouts)
                yield return ($"{name} of operands {layout}", (dtype, device) =>
                {
                    var numbers = Numbers.Special.Concat(Numbers.Random(50, 3)).ToArray();
                    var x = Tensor.FromArray(numbers[..(numbers.Length / 12 * 12)]).To(dtype);
                    var expected = OpSamples.Numbers(of(first(x), second(x)));
                    var onCard = x.To(device);
                    var actual = OpSamples.Numbers(of(first(onCard), second(onCard)));
                    var epsilon = dtype == DType.Float32 ? Math.Pow(2, -23) : Math.Pow(2, -52);
                    var least = dtype == DType.Float32 ? Math.Pow(2, -126) : Math.Pow(2, -1022);
                    for (var i = 0; i < expected.Length; i++)
                    {
                        double e = expected[i], a = actual[i];
                        Assert.True(e.Equals(a) || Math.Abs(e - a) <= roundings * epsilon * Math.Max(Math.Abs(e), least),
                            $"{name} of {dtype} operands {layout}: element {i} is {a:G17} instead of {e:G17}");
                    }
                });
    }
}
