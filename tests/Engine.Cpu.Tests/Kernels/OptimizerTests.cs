using System.Numerics;
using System.Text.Json;
using Edifice.Engine.Backends;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class OptimizerTests
{
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;

    public static TheoryData<string> Golden => [.. RepositoryFiles.GoldenNames("op-optimizer-")];

    [Theory]
    [MemberData(nameof(Golden))]
    public void Steps_agree_with_the_golden_runs(string name)
    {
        using var file = Serialization.SafetensorsFile.Open(RepositoryFiles.Golden(name));
        using var json = JsonDocument.Parse(file.Metadata["options"]);
        var (kernel, settings, states) = Read(json.RootElement);
        foreach (var which in new[] { "0", "1" })
        {
            var parameter = Elements.Of<double>(file.Read("in.param" + which));
            var gradients = Elements.Of<double>(file.Read("in.grads" + which));
            var expected = Elements.Of<double>(file.Read($"out.param{which}_t"));
            Tensor theta = Tensor.FromArray(parameter);
            var state = states.Select(wanted => wanted ? Tensor.FromArray(new double[parameter.Length]) : null).ToArray();
            for (var t = 0; t < gradients.Length / parameter.Length; t++)
            {
                var range = (t * parameter.Length)..((t + 1) * parameter.Length);
                s_cpu.OptimizerStep(kernel, settings with { Step = t + 1 }, theta, Tensor.FromArray(gradients[range]), 1, state[0], state[1], state[2]);
                var now = Elements.Of<double>(theta);
                for (var i = 0; i < now.Length; i++) Assert.Equal(expected[range][i], now[i], 1e-9 + 1e-8 * Math.Abs(expected[range][i]));
            }
        }
    }

    private static (OptimizerKernel Kernel, OptimizerSettings Settings, bool[] States) Read(JsonElement o)
    {
        double Number(string name, double or) => o.TryGetProperty(name, out var v) ? v.GetDouble() : or;
        bool Flag(string name) => o.TryGetProperty(name, out var v) && v.GetBoolean();
        double Beta(int i) => o.TryGetProperty("betas", out var v) ? v[i].GetDouble() : Number("alpha", 0);
        var settings = new OptimizerSettings(Number("lr", 0), Number("weight_decay", 0), Beta(0), Beta(1), Number("eps", 0),
            Number("momentum", 0), Number("dampening", 0), Flag("nesterov"), 0);
        return o.GetProperty("name").GetString() switch
        {
            "sgd" => (OptimizerKernel.Sgd, settings, [settings.Momentum != 0, false, false]),
            "adam" => (OptimizerKernel.Adam, settings, [true, true, Flag("amsgrad")]),
            "adamw" => (OptimizerKernel.AdamW, settings, [true, true, Flag("amsgrad")]),
            "lion" => (OptimizerKernel.Lion, settings, [true, false, false]),
            "rmsprop" => (OptimizerKernel.RmsProp, settings, [true, settings.Momentum != 0, Flag("centered")]),
            var other => throw new InvalidOperationException($"unknown optimizer {other}"),
        };
    }

    /// <summary>One element's step, in the precision of T, as the specification writes it.</summary>
    private static T Model<T>(OptimizerKernel kernel, in OptimizerSettings s, T theta, T g, T?[] state) where T : struct, IFloatingPointIeee754<T>
    {
        T N(double v) => T.CreateTruncating(v);
        T decay = N(s.WeightDecay), rate = N(s.LearningRate);
        if (kernel is OptimizerKernel.Sgd or OptimizerKernel.Adam or OptimizerKernel.RmsProp) g += decay * theta;
        switch (kernel)
        {
            case OptimizerKernel.Sgd:
                if (state[0] is not { } b) return theta - rate * g;
                b = s.Step == 1 ? g : N(s.Momentum) * b + N(1 - s.Dampening) * g;
                state[0] = b;
                return theta - rate * (s.Nesterov ? g + N(s.Momentum) * b : b);
            case OptimizerKernel.Adam or OptimizerKernel.AdamW:
                if (kernel == OptimizerKernel.AdamW) theta -= N(s.LearningRate * s.WeightDecay) * theta;
                var m = N(s.Beta1) * state[0]!.Value + N(1 - s.Beta1) * g;
                var v = N(s.Beta2) * state[1]!.Value + N(1 - s.Beta2) * (g * g);
                (state[0], state[1]) = (m, v);
                if (state[2] is { } top) state[2] = v = T.Max(top, v);
                return theta - rate * (m / N(1 - Math.Pow(s.Beta1, s.Step)) / (T.Sqrt(v / N(1 - Math.Pow(s.Beta2, s.Step))) + N(s.Eps)));
            case OptimizerKernel.Lion:
                var c = N(s.Beta1) * state[0]!.Value + N(1 - s.Beta1) * g;
                state[0] = N(s.Beta2) * state[0]!.Value + N(1 - s.Beta2) * g;
                return theta - rate * (T.CreateChecked(T.Sign(c)) + decay * theta);
            default:
                var square = N(s.Beta2) * state[0]!.Value + N(1 - s.Beta2) * (g * g);
                state[0] = square;
                if (state[2] is { } mean)
                {
                    state[2] = mean = N(s.Beta2) * mean + N(1 - s.Beta2) * g;
                    square = T.Max(T.Zero, square - mean * mean);
                }

                var u = g / (T.Sqrt(square) + N(s.Eps));
                if (state[1] is { } momentum) state[1] = u = N(s.Momentum) * momentum + u;
                return theta - rate * u;
        }
    }

    private static string? Complaint<T>(OptimizerKernel kernel, int n, int seed, bool decay, bool extra) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(seed);
        T[] Draw() => [.. Enumerable.Range(0, n).Select(_ => T.CreateTruncating(random.NextDouble() - 0.5))];
        var settings = new OptimizerSettings(0.01, decay ? 0.1 : 0, 0.9, 0.98, 1e-8, extra ? 0.8 : 0, extra ? 0.25 : 0, false, 0);
        bool[] has = kernel switch
        {
            OptimizerKernel.Sgd => [extra, false, false],
            OptimizerKernel.Lion => [true, false, false],
            OptimizerKernel.RmsProp => [true, extra, extra],
            _ => [true, true, extra],
        };
        T[] theta = Draw();
        var states = theta.Select(_ => has.Select(h => h ? (T?)T.Zero : null).ToArray()).ToArray();
        var parameter = Tensor.FromArray((T[])theta.Clone());
        var state = has.Select(h => h ? Tensor.FromArray(new T[n]) : null).ToArray();
        for (var step = 1; step <= 4; step++)
        {
            settings = settings with { Step = step };
            var g = Draw();
            s_cpu.OptimizerStep(kernel, settings, parameter, Tensor.FromArray(g), 0.5, state[0], state[1], state[2]);
            var now = Elements.Of<T>(parameter);
            for (var i = 0; i < n; i++)
            {
                theta[i] = Model(kernel, settings, theta[i], g[i] * T.CreateTruncating(0.5), states[i]);
                if (!theta[i].Equals(now[i])) return $"{kernel} {typeof(T).Name} step {step}: θ[{i}] = {now[i]}, the model says {theta[i]}";
            }
        }

        return null;
    }

    [Property]
    public Property Steps_are_the_formulas_rounded_operation_by_operation(ushort length, int seed, bool decay, bool extra) => Law.Holds(
        Enum.GetValues<OptimizerKernel>().Select(kernel =>
            Complaint<float>(kernel, 1 + length % 150, seed, decay, extra) ??
            Complaint<double>(kernel, 1 + length % 150, seed, decay, extra)).FirstOrDefault(c => c is not null));

    [Fact]
    public void Centered_rms_prop_of_a_constant_gradient_has_no_nan()
    {
        var settings = new OptimizerSettings(0.01, 0, 0, 0.9, 1e-8, 0, 0, false, 0);
        Tensor theta = Tensor.FromArray(new float[3]), v = Tensor.FromArray(new float[3]), a = Tensor.FromArray(new float[3]);
        for (var step = 1; step <= 300; step++)
            s_cpu.OptimizerStep(OptimizerKernel.RmsProp, settings with { Step = step }, theta, Tensor.FromArray(new[] { 0.1f, 3f, 1e-3f }), 1, v, null, a);
        Assert.All(Elements.Of<float>(theta), t => Assert.True(float.IsFinite(t)));
    }

    [Fact]
    public void Decay_of_zero_does_not_turn_an_infinite_parameter_into_nan()
    {
        Tensor theta = Tensor.FromArray(new[] { double.PositiveInfinity });
        s_cpu.OptimizerStep(OptimizerKernel.Sgd, new OptimizerSettings(0.1, 0, 0, 0, 0, 0, 0, false, 1), theta, Tensor.FromArray(new[] { 1.0 }), 1, null, null, null);
        Assert.Equal(double.PositiveInfinity, theta.Item());
    }
}
