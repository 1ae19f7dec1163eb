using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>What the backward pass of an elementwise function is written in.</summary>
    internal enum Keeps
    {
        Nothing,
        Input,
        Output,
    }

    /// <summary>Elementwise functions of one argument: one entry each, with the derivative as recorded ops; the one-pass form
    /// of the same derivative is the kernel's.</summary>
    internal sealed record UnaryRule(
        string Name, UnaryKernel Kernel, Keeps Keeps, Func<Tensor, Tensor, Tensor, double, double, Tensor> Derivative)
    {
        public static readonly UnaryRule Negate = new("neg", UnaryKernel.Negate, Keeps.Nothing, (g, _, _, _, _) => -g);
        public static readonly UnaryRule Abs = new("abs", UnaryKernel.Abs, Keeps.Input, (g, x, _, _, _) => g * x.Sign());
        public static readonly UnaryRule Sign = new("sign", UnaryKernel.Sign, Keeps.Nothing, (g, _, _, _, _) => g.ZerosLike());
        public static readonly UnaryRule Reciprocal =
            new("reciprocal", UnaryKernel.Reciprocal, Keeps.Output, (g, _, y, _, _) => -(g * y.Square()));
        public static readonly UnaryRule Square = new("square", UnaryKernel.Square, Keeps.Input, (g, x, _, _, _) => g * x * 2);
        public static readonly UnaryRule Sqrt = new("sqrt", UnaryKernel.Sqrt, Keeps.Output, (g, _, y, _, _) => g * 0.5 / y);
        public static readonly UnaryRule Rsqrt =
            new("rsqrt", UnaryKernel.Rsqrt, Keeps.Output, (g, _, y, _, _) => g * -0.5 * y * y.Square());
        public static readonly UnaryRule Exp = new("exp", UnaryKernel.Exp, Keeps.Output, (g, _, y, _, _) => g * y);
        public static readonly UnaryRule Expm1 = new("expm1", UnaryKernel.Expm1, Keeps.Input, (g, x, _, _, _) => g * x.Exp());
        public static readonly UnaryRule Log = new("log", UnaryKernel.Log, Keeps.Input, (g, x, _, _, _) => g / x);
        public static readonly UnaryRule Log1p = new("log1p", UnaryKernel.Log1p, Keeps.Input, (g, x, _, _, _) => g / (x + 1));
        public static readonly UnaryRule Sin = new("sin", UnaryKernel.Sin, Keeps.Input, (g, x, _, _, _) => g * x.Cos());
        public static readonly UnaryRule Cos = new("cos", UnaryKernel.Cos, Keeps.Input, (g, x, _, _, _) => -(g * x.Sin()));
        public static readonly UnaryRule Tanh = new("tanh", UnaryKernel.Tanh, Keeps.Output, (g, _, y, _, _) => g * (1 - y.Square()));
        public static readonly UnaryRule Sigmoid =
            new("sigmoid", UnaryKernel.Sigmoid, Keeps.Output, (g, _, y, _, _) => g * (y * (1 - y)));
        public static readonly UnaryRule Erf = new("erf", UnaryKernel.Erf, Keeps.Input,
            (g, x, _, _, _) => g * (-x.Square()).Exp() * (2 / Math.Sqrt(Math.PI)));
        public static readonly UnaryRule Relu = new("relu", UnaryKernel.Relu, Keeps.Output,
            (g, _, y, _, _) => Tensor.Where(y > 0, g, g.ZerosLike()));
        public static readonly UnaryRule Gelu = new("gelu", UnaryKernel.Gelu, Keeps.Input, (g, x, _, _, _) =>
            g * ((x * Math.Sqrt(0.5)).Erf() * 0.5 + 0.5 + x * (x.Square() * -0.5).Exp() * (1 / Math.Sqrt(2 * Math.PI))));
        public static readonly UnaryRule GeluTanh = new("gelu_tanh", UnaryKernel.GeluTanh, Keeps.Input, (g, x, _, _, _) =>
        {
            var c = 2 * Math.Sqrt(2 / Math.PI);
            var s = ((x + x * x.Square() * 0.044715) * c).Sigmoid();
            return g * (s + x * s * (1 - s) * ((x.Square() * (3 * 0.044715) + 1) * c));
        });
        public static readonly UnaryRule Silu = new("silu", UnaryKernel.Silu, Keeps.Input, (g, x, _, _, _) =>
        {
            var s = x.Sigmoid();
            return g * (s * (1 + x * (1 - s)));
        });
        public static readonly UnaryRule Softplus =
            new("softplus", UnaryKernel.Softplus, Keeps.Input, (g, x, _, _, _) => g * x.Sigmoid());
        public static readonly UnaryRule LogSigmoid =
            new("logsigmoid", UnaryKernel.LogSigmoid, Keeps.Input, (g, x, _, _, _) => g * (-x).Sigmoid());
        public static readonly UnaryRule Elu = new("elu", UnaryKernel.Elu, Keeps.Input, (g, x, _, alpha, _) =>
            Tensor.Where(x > 0, g, g * x.Clamp(max: 0).Exp() * alpha));
        public static readonly UnaryRule Elu1 = new("elu1", UnaryKernel.Elu1, Keeps.Input, (g, x, _, _, _) =>
            g * x.Clamp(max: 0).Exp());
        public static readonly UnaryRule Clamp = new("clamp", UnaryKernel.Clamp, Keeps.Input, (g, x, _, low, high) =>
            Tensor.Where((x >= low).LogicalAnd(x <= high), g, g.ZerosLike()));
        public static readonly UnaryRule Floor = Step("floor", UnaryKernel.Floor);
        public static readonly UnaryRule Ceiling = Step("ceil", UnaryKernel.Ceiling);
        public static readonly UnaryRule Round = Step("round", UnaryKernel.Round);
        public static readonly UnaryRule Truncate = Step("trunc", UnaryKernel.Truncate);

        private static UnaryRule Step(string name, UnaryKernel kernel) =>
            new(name, kernel, Keeps.Nothing, (g, _, _, _, _) => g.ZerosLike());

        /// <summary>Forward, and on the tape the backward pass.</summary>
        public Tensor Apply(Tensor x, double p0 = 0, double p1 = 0)
        {
            if (!x.DType.IsComputeFloat() && !ServesIntegers(x.DType))
                throw TensorException.For(Name, $"is computed in Float32 and Float64{(x.DType.IsFloating() ? "" : " only")}: convert with .To(…)", x);
            var y = x.AllocateLike();
            x.Backend.Map(Kernel, x, y, p0, p1);
            if (!Tape.Watches(x))
            {
                Anomaly.CheckForward(Name, y);
                return y;
            }

            return Keeps switch
            {
                Keeps.Nothing => Tape.Record(Name, y, [x], [], (_, g) => [Derivative(g[0]!, g[0]!, g[0]!, p0, p1)]),
                _ => Tape.Record(Name, y, [x], [Keeps == Keeps.Input ? x : y], (n, g) =>
                {
                    var kept = n.Saved(0);
                    return [Pull(g[0]!, kept, kept, p0, p1)];
                }),
            };
        }

        /// <summary>dx = g f'(x) from the argument, in recorded ops or in one pass as the mode asks.</summary>
        public Tensor PullThrough(Tensor g, Tensor x)
        {
            var kept = Keeps == Keeps.Output ? Apply(x) : x;
            return Pull(g, kept, kept, 0, 0);
        }

        private Tensor Pull(Tensor g, Tensor x, Tensor y, double p0, double p1)
        {
            if (GradMode.IsOn) return Derivative(g, x, y, p0, p1);
            var dx = g.AllocateLike();
            g.Backend.MapVjp(Kernel, g, x, y, dx, p0, p1);
            return dx;
        }

        private bool ServesIntegers(DType dtype) => dtype is DType.Int32 or DType.Int64 &&
            Kernel is UnaryKernel.Negate or UnaryKernel.Abs or UnaryKernel.Sign or UnaryKernel.Square or UnaryKernel.Relu or UnaryKernel.Clamp;
    }

    /// <summary>The table's rows for the functions of this file.</summary>
    internal static class Unary
    {
        private static OpEntry Row(UnaryRule rule, Func<Tensor, Tensor> apply, params ReadOnlySpan<Func<Tensor>> inputs)
        {
            var samples = new List<Func<OpCase>>();
            foreach (var make in inputs)
            {
                samples.Add(() => OpCase.Of(("x", make())));
                samples.Add(() => OpCase.Of(("x", Sample.Transposed(make()))));
            }

            return new OpEntry(rule.Name, c => apply(c["x"]), samples);
        }

        public static IEnumerable<OpEntry> Entries()
        {
            Func<Tensor> normal = () => Sample.Normal(3, 4), positive = () => Sample.Positive(2, 3, 2);
            Func<Tensor> nonzero = () => Sample.AwayFromZero(3, 5), wide = () => Sample.Normal(2, 7) * 3, none = () => Sample.Normal(0, 3);
            yield return Row(UnaryRule.Negate, x => -x, normal, none);
            yield return Row(UnaryRule.Abs, x => x.Abs(), nonzero);
            yield return Row(UnaryRule.Sign, x => x.Sign(), nonzero);
            yield return Row(UnaryRule.Reciprocal, x => x.Reciprocal(), nonzero);
            yield return Row(UnaryRule.Square, x => x.Square(), normal, none);
            yield return Row(UnaryRule.Sqrt, x => x.Sqrt(), positive);
            yield return Row(UnaryRule.Rsqrt, x => x.Rsqrt(), positive);
            yield return Row(UnaryRule.Exp, x => x.Exp(), normal, none);
            yield return Row(UnaryRule.Expm1, x => x.Expm1(), normal);
            yield return Row(UnaryRule.Log, x => x.Log(), positive);
            yield return Row(UnaryRule.Log1p, x => x.Log1p(), positive);
            yield return Row(UnaryRule.Sin, x => x.Sin(), wide);
            yield return Row(UnaryRule.Cos, x => x.Cos(), wide);
            yield return Row(UnaryRule.Tanh, x => x.Tanh(), normal);
            yield return Row(UnaryRule.Sigmoid, x => x.Sigmoid(), wide);
            yield return Row(UnaryRule.Erf, x => x.Erf(), normal);
            yield return Row(UnaryRule.Relu, x => x.Relu(), nonzero);
            yield return Row(UnaryRule.Gelu, x => x.Gelu(), wide) with
            {
                Run = c => c.Options.Text("approximate", "none") switch
                {
                    "none" => c["x"].Gelu(),
                    "tanh" => c["x"].GeluTanh(),
                    var other => throw new TensorException($"gelu: approximate must be 'none' or 'tanh', got '{other}'"),
                },
            };
            yield return Row(UnaryRule.GeluTanh, x => x.GeluTanh(), wide);
            yield return Row(UnaryRule.Silu, x => x.Silu(), wide);
            yield return Row(UnaryRule.Softplus, x => x.Softplus(), wide);
            yield return Row(UnaryRule.LogSigmoid, x => x.LogSigmoid(), wide);
            yield return Row(UnaryRule.Elu, x => x.Elu(), nonzero) with { Run = c => c["x"].Elu(c.Options.Double("alpha", 1)) };
            yield return Row(UnaryRule.Elu1, x => x.Elu1(), nonzero);
            yield return new OpEntry(
                "clamp", c => c["x"].Clamp(c.Options.DoubleOrNull("min"), c.Options.DoubleOrNull("max")),
                () => OpCase.Of("""{"min": -0.55, "max": 0.75}""", ("x", Sample.Distinct(4, 5))),
                () => OpCase.Of("""{"max": 0.25}""", ("x", Sample.Distinct(4, 5))));
            yield return Row(UnaryRule.Floor, x => x.Floor(), nonzero);
            yield return Row(UnaryRule.Ceiling, x => x.Ceiling(), nonzero);
            yield return Row(UnaryRule.Round, x => x.Round(), () => Sample.Uniform(0.6, 1.4, 3, 4));
            yield return Row(UnaryRule.Truncate, x => x.Truncate(), nonzero);
        }
    }
}

namespace Edifice.Engine
{
    /// <summary>Elementwise functions of one argument. NaN in, NaN out everywhere.</summary>
    public sealed partial class Tensor
    {
        /// <summary>-x.</summary>
        public static Tensor operator -(Tensor x) => UnaryRule.Negate.Apply(x);

        /// <summary>|x|; derivative sign(x), 0 at 0.</summary>
        public Tensor Abs() => UnaryRule.Abs.Apply(this);

        /// <summary>-1, 0 or 1 (NaN stays NaN); the gradient is zero.</summary>
        public Tensor Sign() => UnaryRule.Sign.Apply(this);

        /// <summary>1/x.</summary>
        public Tensor Reciprocal() => UnaryRule.Reciprocal.Apply(this);

        /// <summary>x².</summary>
        public Tensor Square() => UnaryRule.Square.Apply(this);

        /// <summary>√x; NaN below 0, derivative infinite at 0.</summary>
        public Tensor Sqrt() => UnaryRule.Sqrt.Apply(this);

        /// <summary>1/√x.</summary>
        public Tensor Rsqrt() => UnaryRule.Rsqrt.Apply(this);

        /// <summary>eˣ.</summary>
        public Tensor Exp() => UnaryRule.Exp.Apply(this);

        /// <summary>eˣ - 1 with all digits near 0.</summary>
        public Tensor Expm1() => UnaryRule.Expm1.Apply(this);

        /// <summary>Natural logarithm; -inf at 0, NaN below.</summary>
        public Tensor Log() => UnaryRule.Log.Apply(this);

        /// <summary>ln(1 + x) with all digits near 0.</summary>
        public Tensor Log1p() => UnaryRule.Log1p.Apply(this);

        /// <summary>sin x for any finite x.</summary>
        public Tensor Sin() => UnaryRule.Sin.Apply(this);

        /// <summary>cos x for any finite x.</summary>
        public Tensor Cos() => UnaryRule.Cos.Apply(this);

        /// <summary>tanh x.</summary>
        public Tensor Tanh() => UnaryRule.Tanh.Apply(this);

        /// <summary>Logistic function; small results keep their digits.</summary>
        public Tensor Sigmoid() => UnaryRule.Sigmoid.Apply(this);

        /// <summary>Error function.</summary>
        public Tensor Erf() => UnaryRule.Erf.Apply(this);

        /// <summary>max(x, 0); derivative 0 at 0.</summary>
        public Tensor Relu() => UnaryRule.Relu.Apply(this);

        /// <summary>x Φ(x) (Hendrycks and Gimpel 2016), relative accuracy kept in the negative tail.</summary>
        public Tensor Gelu() => UnaryRule.Gelu.Apply(this);

        /// <summary>GELU by its tanh approximation, as x σ(2u), u = √(2/π)(x + 0.044715 x³).</summary>
        public Tensor GeluTanh() => UnaryRule.GeluTanh.Apply(this);

        /// <summary>x σ(x).</summary>
        public Tensor Silu() => UnaryRule.Silu.Apply(this);

        /// <summary>ln(1 + eˣ), no threshold.</summary>
        public Tensor Softplus() => UnaryRule.Softplus.Apply(this);

        /// <summary>ln σ(x).</summary>
        public Tensor LogSigmoid() => UnaryRule.LogSigmoid.Apply(this);

        /// <summary>x for x &gt; 0, else alpha (eˣ - 1); derivative alpha at 0.</summary>
        public Tensor Elu(double alpha = 1) => UnaryRule.Elu.Apply(this, alpha);

        /// <summary>x + 1 for x &gt; 0, else eˣ: the positive feature map elu(x) + 1 (Katharopoulos et al. 2020), exact in the
        /// negative tail.</summary>
        public Tensor Elu1() => UnaryRule.Elu1.Apply(this);

        /// <summary>min(max(x, min), max); a missing bound does not bind; min &gt; max gives max. The gradient passes where
        /// min ≤ x ≤ max.</summary>
        public Tensor Clamp(double? min = null, double? max = null)
        {
            if (min is double.NaN || max is double.NaN) throw TensorException.For("clamp", "a bound is NaN", this);
            return UnaryRule.Clamp.Apply(this, min ?? double.NegativeInfinity, max ?? double.PositiveInfinity);
        }

        /// <summary>Largest integer not above x; the gradient is zero.</summary>
        public Tensor Floor() => UnaryRule.Floor.Apply(this);

        /// <summary>Smallest integer not below x; the gradient is zero.</summary>
        public Tensor Ceiling() => UnaryRule.Ceiling.Apply(this);

        /// <summary>Nearest integer, ties to even; the gradient is zero.</summary>
        public Tensor Round() => UnaryRule.Round.Apply(this);

        /// <summary>Integer part; the gradient is zero.</summary>
        public Tensor Truncate() => UnaryRule.Truncate.Apply(this);
    }
}
