using Edifice.Bench.Libtorch;
using Edifice.Bench.Libtorch.Recurrences;
using Edifice.Bench.Measure;
using Edifice.Engine;
using Edifice.Engine.Autograd;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Suites;

/// <summary>The recurrences under RetNet, GLA, HGRN-2, RWKV-7 and Griffin as ops of their own, beside what libtorch's operations do best
/// for them, forward and with the backward pass.</summary>
internal static class Recurrences
{
    private const int Heads = 4, Width = 64, Channels = Heads * Width, Taps = 4;

    /// <param name="Name">What it is.</param>
    /// <param name="Inputs">All of them take a gradient.</param>
    /// <param name="Ours">From the inputs to the output.</param>
    /// <param name="Ways">Libtorch's, of which the fastest counts.</param>
    private sealed record Case(
        string Name, Func<Engine.Generator, int, int, Tensor[]> Inputs, Func<Tensor[], Tensor> Ours,
        Func<int, IReadOnlyList<(string Name, Func<Twin[], Twin> Way)>> Ways, double Tolerance = 1e-4);

    private static readonly double[] s_gamma = [.. Enumerable.Range(0, Heads).Select(m => 1 - Math.Pow(2, -5 - m))];
    private static readonly double s_scale = Math.Pow(Width, -0.5);

    private static readonly Case[] s_cases =
    [
        new("retention", (r, b, l) => [Normal(r, b, l), Normal(r, b, l), Normal(r, b, l)],
            x => Tensor.Retention(x[0], x[1], x[2], s_gamma, s_scale, mode: RecurrenceMode.Chunkwise).Output,
            l => [.. Sizes(l, 32, 64, 128, 256).Select(c =>
            {
                var form = new Retention(s_gamma, s_scale, l, c);
                return ($"chunks of {c} as matrix products", (Func<Twin[], Twin>)(x => form.Run(x[0], x[1], x[2])));
            })]),
        new("GLA", (r, b, l) => [Normal(r, b, l), Normal(r, b, l), Normal(r, b, l), (Normal(r, b, l).LogSigmoid() / 16).Detach()],
            x => Tensor.GatedLinearAttention(x[0], x[1], x[2], x[3], s_scale, mode: RecurrenceMode.Chunkwise).Output,
            l => GatedWays(l, x => (x[0], x[1], x[2], x[3]))),
        new("HGRN-2", (r, b, l) => [Normal(r, b, l), Normal(r, b, l), Normal(r, b, l)],
            x => Tensor.Hgrn2(x[0], x[1], x[2], scale: s_scale, mode: RecurrenceMode.Chunkwise).Output,
            l => GatedWays(l, x => (x[0], (-x[1]).sigmoid(), x[2], nn.functional.logsigmoid(x[1])))),
        new("WKV-7", DeltaInputs,
            x => Tensor.Wkv7(x[0], x[1], x[2], x[3], x[4], x[5], mode: RecurrenceMode.Chunkwise).Output,
            l => [.. Sizes(l, 16, 32, 64).Select(c => ($"chunks of {c}, a triangular matrix inverted in each",
                (Func<Twin[], Twin>)(x => DeltaRule.Run(x[0], x[1], x[2], x[3], x[4], x[5], c))))]),
        new("RG-LRU", (r, b, l) => [Flat(r, b, l), Flat(r, b, l), Flat(r, b, l), Tensor.Rand([Channels], low: -9, high: -4, generator: r)],
            x => Tensor.RgLru(x[0], x[1], x[2], x[3], reset: Start(x[0])).Output,
            l => [.. ScanWays(l).Select(s => (s.Name, (Func<Twin[], Twin>)(x => RealGatedUnit.Run(x[0], x[1], x[2], x[3], s.Way))))]),
        new("causal convolution", (r, b, l) => [Flat(r, b, l), Tensor.Randn([Channels, Taps], generator: r), Tensor.Randn([Channels], generator: r)],
            x => x[0].CausalConv1d(x[1], x[2]).Output,
            _ => [("conv1d, a group per channel", x => CausalConvolution.Grouped(x[0], x[1], x[2])), ("taps added up", x => CausalConvolution.Taps(x[0], x[1], x[2]))]),
    ];

    public static IEnumerable<Row> Run(Session session)
    {
        foreach (var (batch, length) in ((int, int)[])[(8, 512), (1, 4096)])
            foreach (var c in s_cases)
                foreach (var backward in (bool[])[false, true])
                    yield return Measured(session, c, batch, length, backward);
    }

    private static Row Measured(Session session, Case c, int batch, int length, bool backward)
    {
        var name = $"{c.Name} B={batch} L={length}, {(backward ? "forward and backward" : "forward")}";
        if (!session.Pair.Wants(name)) return Row.LeftOut(name);
        using var scope = Tensor.Scope();
        using var disposed = NewDisposeScope();
        var random = new Engine.Generator(5);
        Tensor[] x = [.. c.Inputs(random, batch, length).Select(t => t.RequiresGrad())];
        Twin[] tx = [.. x.Select(t => t.Twin().requires_grad_())];
        var g = Tensor.Randn(c.Ours(x).Shape.AsSpan(), generator: random);
        var tg = g.Twin();

        void Theirs(Func<Twin[], Twin> way)
        {
            using var s = NewDisposeScope();
            if (backward)
            {
                autograd.grad([way(tx)], tx, [tg]);
                return;
            }

            using var off = no_grad();
            way(tx);
        }

        void Ours()
        {
            using var s = Tensor.Scope();
            if (backward)
            {
                Gradients.Of([c.Ours(x)], x, [g]);
                return;
            }

            using var off = Tensor.NoGrad();
            c.Ours(x);
        }

        var (form, way) = Fastest.Of(c.Ways(length), Theirs);
        return session.Pair.Run(name, Work.None, Ours, () => Theirs(way), () =>
        {
            Tensor y = c.Ours(x);
            var ty = way(tx);
            var difference = Difference.Of(y, ty, c.Tolerance);
            if (!backward) return difference;
            return Gradients.Of([y], x, [g]).Zip(autograd.grad([ty], tx, [tg]), (a, b) => Difference.Of(a!, b, c.Tolerance)).Aggregate(difference, (a, b) => a | b);
        }, form);
    }

    private static Tensor Normal(Engine.Generator random, int batch, int length) => Tensor.Randn([batch, length, Heads, Width], generator: random);

    private static Tensor Flat(Engine.Generator random, int batch, int length) => Tensor.Randn([batch, length, Channels], generator: random);

    /// <summary>As RWKV-7 makes them: a unit direction to remove, a learning rate in (0, 1), decays above 0.545.</summary>
    private static Tensor[] DeltaInputs(Engine.Generator random, int batch, int length)
    {
        using var off = Tensor.NoGrad();
        Tensor direction = Normal(random, batch, length), rate = Normal(random, batch, length).Sigmoid();
        direction /= direction.Norm(2, [-1], keepdim: true);
        var logW = Normal(random, batch, length).Sigmoid() * -Math.Exp(-0.5);
        return [Normal(random, batch, length), logW, Normal(random, batch, length), Normal(random, batch, length), -direction, direction * rate];
    }

    /// <summary>The first step of every row begins a segment.</summary>
    private static Tensor Start(Tensor x)
    {
        int batch = x.Size(0), length = x.Size(1);
        var starts = new bool[batch * length];
        for (var b = 0; b < batch; b++) starts[b * length] = true;
        return Tensor.FromArray(starts, [batch, length]);
    }

    private static IEnumerable<int> Sizes(int length, params int[] sizes) => sizes.Where(s => s <= length);

    private static IReadOnlyList<(string, Func<Twin[], Twin>)> GatedWays(int length, Func<Twin[], (Twin Q, Twin K, Twin V, Twin G)> operands) =>
    [
        .. from size in Sizes(length, 16, 32, 64)
           from rows in (int[])[1, 2, 4, 8, 16]
           select ($"chunks of {size}, {rows} rows pair by pair", (Func<Twin[], Twin>)(x =>
           {
               var (q, k, v, g) = operands(x);
               return GatedState.Run(q, k, v, g, s_scale, size, rows);
           }))
    ];

    private static IReadOnlyList<(string Name, Func<Twin, Twin, Twin> Way)> ScanWays(int length) =>
    [
        ("a loop over time", LinearScan.Steps), ("an associative scan", LinearScan.Doubling),
        .. Sizes(length, 8, 16, 32, 64).Select(c => ($"a scan by chunks of {c}", (Func<Twin, Twin, Twin>)((a, b) => LinearScan.Chunked(a, b, c)))),
    ];
}
