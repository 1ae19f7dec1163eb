using Edifice.Engine.Ops;
using Edifice.Engine.Tests.Ops;
using static Edifice.Engine.Cuda.Tests.Mutation.LongCases.Make;

namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>Ops on shapes that fill more than one thread, warp, block and launch, with their gradients.</summary>
internal static class LongCases
{
    /// <summary>The cases: results and gradients in a dtype on a device.</summary>
    public static IReadOnlyList<(string Name, Func<DType, Device, List<(string, double[])>> Run)> All { get; } =
    [
        Of("softmax", "softmax", "{}", ("x", Normal(3, 40))), Of("softmax of long rows", "softmax", "{}", ("x", Normal(2, 5000))),
        Of("log_softmax of long rows", "log_softmax", "{}", ("x", Normal(2, 1500))),
        Of("layer_norm", "layer_norm", "{}", ("x", Normal(70, 37)), ("weight", Normal(37)), ("bias", Normal(37))),
        Of("layer_norm of long rows", "layer_norm", "{}", ("x", Normal(3, 4100)), ("weight", Normal(4100)), ("bias", Normal(4100))),
        Of("rms_norm", "rms_norm", "{}", ("x", Normal(5, 1030)), ("weight", Normal(1030))),
        Of("cross_entropy", "cross_entropy", """{"label_smoothing": 0.1}""", ("logits", Normal(5, 1500)), ("target", Whole(1500, 5))),
        Of("sum of many", "sum", """{"axes": [0]}""", ("x", Normal(3000, 5))), Of("sum of all", "sum", "{}", ("x", Normal(70_000))),
        Of("cumsum", "cumsum", """{"axis": 0}""", ("x", Normal(2500, 3))), Of("logcumsumexp", "logcumsumexp", """{"axis": 1}""", ("x", Normal(2, 2500))),
        Of("linear_scan", "linear_scan", "{}", ("a", Unit(2, 300, 5)), ("b", Normal(2, 300, 5)), ("initial", Normal(2, 5))),
        Of("causal_conv1d", "causal_conv1d", "{}", ("x", Normal(2, 150, 35)), ("weight", Normal(35, 4)), ("bias", Normal(35))),
        Of("sdpa", "sdpa", """{"causal": true}""", ("q", Normal(1, 140, 2, 20)), ("k", Normal(1, 140, 1, 20)), ("v", Normal(1, 140, 1, 24))),
        Of("sdpa of 64 channels", "sdpa", "{}", ("q", Normal(1, 70, 1, 64)), ("k", Normal(1, 75, 1, 64)), ("v", Normal(1, 75, 1, 64))),
        Of("dropout", "dropout", """{"p": 0.3, "seed": 5}""", ("x", Normal(3001))),
        Of("linear with gelu", "linear", """{"activation": "gelu"}""", ("x", Normal(70, 9)), ("weight", Normal(12, 9)), ("bias", Normal(12))),
        Of("linear with silu", "linear", """{"activation": "silu"}""", ("x", Normal(70, 9)), ("weight", Normal(13, 9)), ("bias", Normal(13))),
        Of("fft2_real", "fft2_real", "{}", ("x", Normal(2, 21, 20))),
    ];

    private static (string, Func<DType, Device, List<(string, double[])>>) Of(string name, string op, string options, params (string Name, Func<Tensor> Value)[] inputs) => (name, (dtype, device) =>
    {
        Generator.Seeded(17);
        var entry = OpSamples.Find(op);
        var sample = new OpCase(inputs.ToDictionary(i => i.Name, i =>
        {
            var x = i.Value();
            return (x.DType.IsFloating() ? x.To(dtype) : x).To(device);
        }), OptionBag.Parse(options));
        return entry.Measure(sample);
    });

    internal static class Make
    {
        public static Func<Tensor> Normal(params int[] shape) => () => Tensor.Randn(shape, DType.Float64);

        public static Func<Tensor> Unit(params int[] shape) => () => Tensor.Rand(shape, DType.Float64);

        public static Func<Tensor> Whole(int bound, params int[] shape) => () => (Tensor.Rand(shape, DType.Float64) * bound).To(DType.Int64);
    }
}
