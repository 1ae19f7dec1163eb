using Edifice.Bench.Libtorch;
using Edifice.Bench.Measure;
using Edifice.Nn;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Suites;

/// <summary>Elementwise operations, reductions, norms and softmax, out of the caches and in them.</summary>
internal static class Operations
{
    private sealed record Case(string Name, Func<Tensor, Tensor, Tensor> Ours, Func<Twin, Twin, Twin> Libtorch, int Reads, int Writes, double Tolerance = 1e-5);

    private static readonly Case[] s_cases =
    [
        new("add", (x, y) => x + y, (x, y) => x + y, 2, 1),
        new("mul", (x, y) => x * y, (x, y) => x * y, 2, 1),
        new("exp", (x, _) => x.Exp(), (x, _) => x.exp(), 1, 1),
        new("log", (_, y) => y.Log(), (_, y) => y.log(), 1, 1),
        new("tanh", (x, _) => x.Tanh(), (x, _) => x.tanh(), 1, 1),
        new("sigmoid", (x, _) => x.Sigmoid(), (x, _) => x.sigmoid(), 1, 1),
        new("silu", (x, _) => x.Silu(), (x, _) => nn.functional.silu(x), 1, 1),
        new("gelu", (x, _) => x.Gelu(), (x, _) => nn.functional.gelu(x), 1, 1),
        new("erf", (x, _) => x.Erf(), (x, _) => x.erf(), 1, 1),
        new("sum of rows", (x, _) => x.Sum([-1]), (x, _) => x.sum(-1), 1, 0),
        new("sum of columns", (x, _) => x.Sum([0]), (x, _) => x.sum([0L]), 1, 0),
        new("max of rows", (x, _) => x.Max([-1]), (x, _) => x.amax([-1L]), 1, 0),
        // In three steps, because libtorch's own var takes longer than they do together.
        new("variance of rows", (x, _) => x.Variance([-1]), (x, _) => (x - x.mean([-1L], keepdim: true)).square().sum(-1) / (x.shape[^1] - 1), 1, 0),
        new("cumsum of rows", (x, _) => x.CumSum(-1), (x, _) => x.cumsum(-1), 1, 1, 1e-4),
        new("softmax", (x, _) => x.Softmax(-1), (x, _) => x.softmax(-1), 1, 1),
        new("log-softmax", (x, _) => x.LogSoftmax(-1), (x, _) => x.log_softmax(-1), 1, 1),
        new("layer norm", (x, _) => x.LayerNorm(), (x, _) => nn.functional.layer_norm(x, [x.shape[^1]]), 1, 1),
        new("RMS norm", (x, _) => x.RmsNorm(), (x, _) => x * (x * x).mean([-1L], keepdim: true).add(1e-6).rsqrt(), 1, 1),
        new("transposed copy", (x, _) => x.Transpose(-1, -2).Contiguous(), (x, _) => x.transpose(-1, -2).contiguous(), 1, 1),
    ];

    public static IEnumerable<Row> Run(Session session)
    {
        foreach (var (rows, columns, where) in ((int, int, string)[])[(4096, 1024, "out of cache"), (64, 1024, "in cache")])
            foreach (var c in s_cases)
                yield return Measured(session, c, rows, columns, where);
        yield return AdamStep(session);
    }

    private static Row Measured(Session session, Case c, int rows, int columns, string where)
    {
        using var scope = Tensor.Scope();
        using var disposed = NewDisposeScope();
        var random = new Engine.Generator(2);
        Tensor x = Tensor.Randn([rows, columns], generator: random), y = Tensor.Rand([rows, columns], low: 0.1, high: 2, generator: random);
        Twin tx = x.Twin(), ty = y.Twin();
        // The bound of copying is one for memory: in the caches there is none to state.
        var work = where == "in cache" ? Work.None : Work.Traffic(4.0 * rows * columns * (c.Reads + c.Writes));
        return session.Pair.Run($"{c.Name} {rows} x {columns} {where}", work,
            () => { using var off = Tensor.NoGrad(); using var z = c.Ours(x, y); },
            // Without a scope the steps between would wait for the garbage collector, and each call would touch new memory.
            () => { using var off = no_grad(); using var between = NewDisposeScope(); c.Libtorch(tx, ty); },
            () => Difference.Of(c.Ours(x, y), c.Libtorch(tx, ty), c.Tolerance));
    }

    /// <summary>A step of AdamW over ten million parameters in ten tensors.</summary>
    private static Row AdamStep(Session session)
    {
        const int Tensors = 10, Rows = 1000, Columns = 1000;
        using var disposed = NewDisposeScope();
        var random = new Engine.Generator(3);
        var group = new ParameterGroupOf(Enumerable.Range(0, Tensors).Select(_ => Tensor.Randn([Rows, Columns], generator: random)));
        var gradients = Enumerable.Range(0, Tensors).Select(_ => Tensor.Randn([Rows, Columns], generator: random)).ToArray();
        var twins = group.Parameters.Select(p => new TorchSharp.Modules.Parameter(p.Value.Twin())).ToArray();
        for (var i = 0; i < Tensors; i++)
        {
            group.Parameters[i].Value.Grad = gradients[i];
            twins[i].grad = gradients[i].Twin();
        }

        var ours = new Optimizer(group, new AdamW { LearningRate = 1e-3, WeightDecay = 0.01 });
        using var theirs = optim.AdamW(twins, lr: 1e-3, weight_decay: 0.01);
        return session.Pair.Run("AdamW step over 10 M parameters", Work.Traffic(4.0 * Tensors * Rows * Columns * 7),
            () => ours.Step(), () => theirs.step(),
            () =>
            {
                ours.Step();
                theirs.step();
                return Enumerable.Range(0, Tensors).Select(i => Difference.Of(group.Parameters[i].Value, twins[i])).Aggregate((p, q) => p | q);
            },
            "TorchSharp's optimizer over libtorch's tensor operations");
    }

    /// <summary>A module that only holds parameters.</summary>
    private sealed class ParameterGroupOf : Module
    {
        public ParameterGroupOf(IEnumerable<Tensor> values) => Parameters = [.. values.Select((v, i) => Register($"p{i}", new Parameter(v)))];

        public new Parameter[] Parameters { get; }
    }
}
