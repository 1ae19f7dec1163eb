using System.Diagnostics;
using System.Globalization;
using Edifice.Attention;
using Edifice.Bench.Measure;
using Edifice.Engine;
using Edifice.Engine.Cpu;

namespace Edifice.Bench.Suites;

/// <summary>How time and memory of each block grow with the length of the sequence, and what a step of a stream costs late in it.</summary>
internal static class Scaling
{
    private const int Width = 64, WarmUp = 4, WarmUpLength = 64;
    private const double LongestStep = 4000, Enough = 250;
    private const long MostBytes = 3L << 30;

    // The last two for blocks whose state does not grow: the others would only show their square again.
    private const int LongestForAll = 16384;
    private static readonly int[] s_lengths = [256, 512, 1024, 2048, 4096, 8192, LongestForAll, 32768, 65536];

    /// <summary>What the usual overviews state: training and one step of inference.</summary>
    private static readonly Dictionary<string, (string Training, string Step)> s_claims = new()
    {
        ["multihead"] = ("O(L²)", "O(L)"), ["gqa"] = ("O(L²)", "O(L)"), ["perceiver"] = ("O(L M)", "O(M²)"), ["fnet"] = ("O(L log L)", "O(L log L)"),
        ["linear_transformer"] = ("O(L d²)", "O(d²)"), ["nystromformer"] = ("O(L M)", "O(L M)"), ["performer"] = ("O(L d m)", "O(d m)"),
        ["retnet"] = ("O(L²) parallel", "O(1)"), ["rwkv"] = ("O(L)", "O(1)"), ["gla"] = ("O(L)", "O(1)"), ["hgrn"] = ("O(L)", "O(1)"),
        ["griffin"] = ("O(L)", "O(1)"), ["hawk"] = ("O(L)", "O(1)"),
    };

    private sealed record Curve(BlockCase Case, long Parameters)
    {
        public List<(int Length, double Time)> Forward { get; } = [];

        public List<(int Length, double Time)> Training { get; } = [];

        public long PeakBytes { get; set; }

        public string Stopped { get; set; } = "";

        public Dictionary<int, double> Steps { get; } = [];
    }

    public static IEnumerable<Row> Run(Session session)
    {
        var curves = new List<Curve>();
        BlockCase[] cases = [.. BlockCase.All, .. BlockCase.All.Where(c => c.Block == "retnet").Select(c => c with { Name = "retnet (parallel)", More = c.More.Replace("chunkwise", "parallel", StringComparison.Ordinal) })];
        foreach (var c in cases)
        {
            if (!session.Pair.Wants($"scaling {c.Name}")) continue;
            using var scope = Tensor.Scope();
            var block = c.Build(Width);
            var curve = new Curve(c, block.ParameterCount);
            curves.Add(curve);
            // Many short calls first, so that the just-in-time compiler is done with every kernel.
            for (var i = 0; i < WarmUp; i++) Measured(new Curve(c, 0), block, WarmUpLength);
            int[] lengths = [.. s_lengths.Where(l => l <= LongestForAll || c.IsRecurrent)];
            foreach (var length in lengths)
            {
                var step = Measured(curve, block, length);
                yield return new Row($"scaling {c.Name} L={length}, forward", curve.Forward[^1].Time, double.NaN, double.NaN, double.NaN);
                yield return new Row($"scaling {c.Name} L={length}, training step, {curve.PeakBytes >> 20} MiB", step, double.NaN, double.NaN, double.NaN);
                if (step <= LongestStep && (c.IsRecurrent ? 2 : 4) * curve.PeakBytes <= MostBytes || length == lengths[^1]) continue;
                curve.Stopped = step > LongestStep ? $"stopped: a step takes {step / 1000:F1} s" : $"stopped: a step takes {curve.PeakBytes >> 20} MiB";
                break;
            }

            foreach (var row in Stream(curve, block)) yield return row;
        }

        session.Tables.AddRange(Table(curves));
        session.Tables.AddRange(Crossovers(curves));
    }

    private static double Measured(Curve curve, SequenceBlock block, int length)
    {
        using var scope = Tensor.Scope();
        var random = new Generator(14);
        var x = Tensor.Randn([1, length, Width], generator: random);
        curve.Forward.Add((length, Best(() =>
        {
            using var off = Tensor.NoGrad();
            using var s = Tensor.Scope();
            block.ForwardSequence(x);
        })));
        Tensor target;
        using (Tensor.NoGrad()) target = block.ForwardSequence(x).ZerosLike();
        var training = new TrainingStep(block, x, target);
        var before = CpuBackend.MemoryStatistics.LiveBytes;
        CpuBackend.ResetPeakMemory();
        var time = Best(training.Run);
        curve.PeakBytes = CpuBackend.MemoryStatistics.PeakLiveBytes - before;
        curve.Training.Add((length, time));
        return time;
    }

    private static IEnumerable<Row> Stream(Curve curve, SequenceBlock block)
    {
        if (!block.CanStream) yield break;
        const int Piece = 1000;
        block.Eval();
        using var state = block.InitialState(1);
        Tensor piece = Tensor.Randn([1, Piece, Width], generator: new Generator(15)), token = piece.Select(1, 0);
        // Filling a cache of keys takes quadratic time: those blocks stop at ten thousand.
        foreach (var position in (int[])[10, 1_000, curve.Case.IsRecurrent ? 100_000 : 10_000])
        {
            using (Tensor.NoGrad())
            {
                while (state.Time < position)
                {
                    using var s = Tensor.Scope();
                    block.Prefill(piece.Narrow(1, 0, Math.Min(Piece, position - state.Time)), state);
                }

                curve.Steps[position] = Best(() =>
                {
                    using var s = Tensor.Scope();
                    block.Step(token, state);
                });
            }

            yield return new Row($"scaling {curve.Case.Name} streaming step at token {position}", curve.Steps[position], double.NaN, double.NaN, double.NaN);
        }

        block.Train();
    }

    /// <summary>The shortest of several runs, in milliseconds: of two at least, because the first one touches fresh memory.</summary>
    private static double Best(Action run)
    {
        double best = double.PositiveInfinity, all = 0;
        for (var n = 0; n < 2 || all < Enough; n++)
        {
            var start = Stopwatch.GetTimestamp();
            run();
            var time = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            best = Math.Min(best, time);
            all += time;
            if (n > 0 && time > LongestStep) break;
        }

        return best;
    }

    private static IEnumerable<string> Table(IReadOnlyList<Curve> curves)
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"B = 1, H = {Width}, two layers (griffin three), float32; times of a training step in milliseconds; exponents fitted to the upper half of the lengths.");
        yield return "";
        yield return $"| block | stated | {string.Join(" | ", s_lengths.Select(l => $"L = {l:N0}"))} | exponent, step | exponent, forward | peak MiB | parameters | streaming µs at token 10 / 1,000 / late | |";
        yield return $"| --- | --- |{string.Concat(s_lengths.Select(_ => " ---: |"))} ---: | ---: | ---: | ---: | --- | --- |";
        foreach (var c in curves)
        {
            var (training, step) = s_claims[c.Case.Block];
            var times = s_lengths.Select(l => c.Training.Where(p => p.Length == l).Select(p => p.Time.ToString("G4", CultureInfo.InvariantCulture)).FirstOrDefault() ?? "");
            var steps = c.Steps.Count == 0 ? "" : string.Join(" / ", c.Steps.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Value * 1000:F0}{(s.Key > 1000 ? $" ({s.Key:N0})" : "")}")));
            yield return string.Create(CultureInfo.InvariantCulture,
                $"| {c.Case.Name} | {training}, step {step} | {string.Join(" | ", times)} | {Growth.Exponent(c.Training):F2} | {Growth.Exponent(c.Forward):F2} | {c.PeakBytes / 1048576.0:F0} | {c.Parameters:N0} | {steps} | {c.Stopped} |");
        }

        yield return "";
    }

    private static IEnumerable<string> Crossovers(IReadOnlyList<Curve> curves)
    {
        Curve[] attention = [.. curves.Where(c => c.Case.Block is "multihead" or "gqa")], others = [.. curves.Where(c => c.Case.IsRecurrent)];
        if (attention.Length == 0 || others.Length == 0) yield break;
        yield return "Length from which on a training step is faster than that of attention:";
        yield return "";
        yield return $"| block | {string.Join(" | ", attention.Select(a => a.Case.Name))} |";
        yield return $"| --- |{string.Concat(attention.Select(_ => " ---: |"))}";
        foreach (var o in others)
            yield return $"| {o.Case.Name} | {string.Join(" | ", attention.Select(a => Words(Growth.Crossover(a.Training, o.Training))))} |";
        yield return "";
    }

    private static string Words(double length) => length switch
    {
        0 => "all measured",
        double.PositiveInfinity => "none measured",
        _ => length.ToString("N0", CultureInfo.InvariantCulture),
    };
}
