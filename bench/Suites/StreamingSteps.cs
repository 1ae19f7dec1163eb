using Edifice.Bench.Libtorch;
using Edifice.Bench.Measure;
using Edifice.Engine;

namespace Edifice.Bench.Suites;

/// <summary>One step of a stream, batch 1, by each block with a recurrent form, two layers of width 256; libtorch's step updates its
/// states in place.</summary>
internal static class StreamingSteps
{
    private const int Compared = 40, Tokens = 64, WarmUp = 4000;
    private const double Tolerance = 1e-4;

    public static IEnumerable<Row> Run(Session session)
    {
        foreach (var c in BlockCase.All)
        {
            var name = $"{c.Name} streaming step, 1 x {BlockCase.Width}";
            if (!session.Pair.Wants(name) || !c.IsRecurrent) continue;
            using var scope = Tensor.Scope();
            using var disposed = TorchSharp.torch.NewDisposeScope();
            using var off = Tensor.NoGrad();
            using var noGrad = TorchSharp.torch.no_grad();
            var block = c.Build();
            block.Eval();
            var random = new Generator(13);
            Tensor[] x = [.. Enumerable.Range(0, Tokens).Select(_ => Tensor.Randn([1, BlockCase.Width], generator: random))];
            TorchSharp.torch.Tensor[] tx = [.. x.Select(t => t.Twin())];
            using var state = block.InitialState(1);
            var twin = (RecurrentFormulation?)c.Twin?.Invoke(block);
            twin?.Begin(1);
            int mine = 0, theirs = 0;
            void Ours()
            {
                using var s = Tensor.Scope();
                block.Step(x[mine++ % Tokens], state);
            }

            void Theirs()
            {
                using var s = TorchSharp.torch.NewDisposeScope();
                twin.Step(tx[theirs++ % Tokens]);
            }

            Difference Compare()
            {
                // Far enough for states, rings and shifted tokens to matter; then both go on from there.
                var worst = new Difference(0, Tolerance);
                for (var t = 0; t < Compared; t++) worst |= Difference.Of(block.Step(x[t], state), twin.Step(tx[t]), Tolerance) with { At = $"step {t}" };
                return worst;
            }

            // Many short calls: the just-in-time compiler takes longer over them than over one long one.
            for (var i = 0; i < WarmUp; i++) Ours();
            mine = 0;
            state.Reset();
            yield return session.Pair.Run(name, Work.Reading(4.0 * block.Parameters().Sum(p => p.Value.Count)), Ours, twin is null ? null : Theirs, twin is null ? null : Compare, twin is null ? "" : "eager operations, states in place");
        }
    }
}
