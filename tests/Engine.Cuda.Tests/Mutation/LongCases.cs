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
        Of("log_softmax of long rows", "log_softmax", "{}", ("x", Normal(2, 1500))), Of("softmax of shared rows", "softmax", "{}", ("x", Normal(2, 16387))),
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
        Of("sdpa of wide heads", "sdpa", """{"causal": true, "window_size": 40, "alibi": true}""", ("q", Normal(1, 35, 2, 70)), ("k", Normal(1, 40, 2, 70)), ("v", Normal(1, 40, 2, 150))),
        Of("sdpa of wide keys", "sdpa", "{}", ("q", Normal(1, 5, 1, 150)), ("k", Normal(1, 36, 1, 150)), ("v", Normal(1, 36, 1, 3))),
        Of("sdpa beside hidden keys that are NaN", "sdpa", "{}", ("q", Normal(1, 34, 2, 20)), ("k", NotANumberThen(Normal(1, 36, 1, 20))), ("v", NotANumberThen(Normal(1, 36, 1, 130))),
            ("key_mask", () => Tensor.Arange(38).Unsqueeze(0) >= 2)),
        Of("sdpa after queries that see nothing and are NaN", "sdpa", """{"causal": true, "query_offset": -2}""", ("q", NotANumberThen(Normal(1, 40, 1, 130))), ("k", Normal(1, 36, 1, 130)), ("v", Normal(1, 36, 1, 5))),
        Of("wkv7", "wkv7", "{}", ("r", Normal(1, 19, 2, 40)), ("log_w", Negative(Unit(1, 19, 2, 40))), ("k", Small(Normal(1, 19, 2, 40))), ("v", Normal(1, 19, 2, 70)),
            ("a", Small(Normal(1, 19, 2, 40))), ("b", Small(Normal(1, 19, 2, 40))), ("initial_state", Normal(1, 2, 40, 70))),
        Of("gla", "gla", "{}", ("q", Normal(1, 35, 1, 33)), ("k", Small(Normal(1, 35, 1, 33))), ("v", Normal(1, 35, 1, 9)), ("g", Negative(Unit(1, 35, 1, 33))), ("initial_state", Normal(1, 1, 33, 9))),
        Of("retention", "retention", """{"gamma": [0.5, 0.9]}""", ("q", Normal(2, 20, 2, 8)), ("k", Small(Normal(2, 20, 2, 8))), ("v", Normal(2, 20, 2, 17))),
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

        public static Func<Tensor> Small(Func<Tensor> x) => () => x() * 0.2;

        public static Func<Tensor> Negative(Func<Tensor> x) => () => -x();

        /// <summary>Two positions of NaN before those of <paramref name="x"/>.</summary>
        public static Func<Tensor> NotANumberThen(Func<Tensor> x) => () =>
        {
            var rest = x();
            return Tensor.Cat([Tensor.Full([rest.Size(0), 2, rest.Size(2), rest.Size(3)], double.NaN, rest.DType), rest], 1);
        };

        public static Func<Tensor> Whole(int bound, params int[] shape) => () => (Tensor.Rand(shape, DType.Float64) * bound).To(DType.Int64);
    }
}
