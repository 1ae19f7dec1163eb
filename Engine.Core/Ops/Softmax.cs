using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>softmax and log-softmax.</summary>
    internal static class SoftmaxOps
    {
        public static Tensor Run(Tensor x, int axis, bool log)
        {
            var op = log ? "log_softmax" : "softmax";
            if (!x.DType.IsComputeFloat()) throw TensorException.For(op, "is computed in Float32 and Float64: convert with .To(…)", x);
            var a = x.NormalizeAxis(op, axis);
            if (a != x.Rank - 1) return Run(x.Transpose(a, -1), -1, log).Transpose(a, -1);
            x = x.Contiguous();
            var y = x.AllocateLike();
            if (x.Count > 0) x.Backend.Softmax(x, y, log);
            return Tape.Record(op, y, [x], [y], (n, g) =>
            {
                var p = n.Saved(0);
                if (GradMode.IsOn)
                    return log ? [g[0]! - p.Exp() * g[0]!.Sum(-1, keepdim: true)] : [p * (g[0]! - (p * g[0]!).Sum(-1, keepdim: true))];
                var dx = p.AllocateLike();
                if (p.Count > 0) p.Backend.SoftmaxVjp(g[0]!.Contiguous(), p, dx, log);
                return [dx];
            });
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("softmax", c => c["x"].Softmax(c.Options.Int("axis", -1)),
                () => OpCase.Of(("x", Sample.Normal(3, 5))), () => OpCase.Of("""{"axis": 1}""", ("x", Sample.Normal(2, 4, 3))));
            yield return new OpEntry("log_softmax", c => c["x"].LogSoftmax(c.Options.Int("axis", -1)),
                () => OpCase.Of(("x", Sample.Normal(3, 5))), () => OpCase.Of("""{"axis": 0}""", ("x", Sample.Normal(4, 3))));
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>e^(x-m) / Σ e^(x-m) along an axis, m the maximum. An entry -inf gets 0; a slice of only -inf gives NaN.</summary>
        public Tensor Softmax(int axis = -1) => SoftmaxOps.Run(this, axis, log: false);

        /// <summary>(x - m) - ln Σ e^(x-m) along an axis.</summary>
        public Tensor LogSoftmax(int axis = -1) => SoftmaxOps.Run(this, axis, log: true);
    }
}
