using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

public class OptimizerTests
{
    public static TheoryData<string> Names => [.. Rules.Keys];

    /// <summary>One of each rule and of each kind of state.</summary>
    internal static IReadOnlyDictionary<string, UpdateRule> Rules { get; } = new Dictionary<string, UpdateRule>
    {
        ["sgd"] = new Sgd { LearningRate = 0.05, WeightDecay = 0.01 },
        ["nesterov"] = new Sgd { LearningRate = 0.02, Momentum = 0.9, Nesterov = true },
        ["dampened"] = new Sgd { LearningRate = 0.05, Momentum = 0.8, Dampening = 0.3 },
        ["adam"] = new Adam { LearningRate = 0.02, WeightDecay = 0.1 },
        ["adamw"] = new AdamW { LearningRate = 0.02 },
        ["amsgrad"] = new AdamW { LearningRate = 0.02, AmsGrad = true },
        ["lion"] = new Lion { LearningRate = 0.01, WeightDecay = 0.1 },
        ["rmsprop"] = new RmsProp { LearningRate = 0.01 },
        ["centered"] = new RmsProp { LearningRate = 0.01, Centered = true, Momentum = 0.5 },
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_rule_reduces_a_quadratic(string name)
    {
        var model = new Quadratic(Tensor.FromArray(new[] { 3.0, -2, 1, 0.5 }));
        var optimizer = new Optimizer(model, Rules[name] with { WeightDecay = 0 });
        var first = model.Loss().Item();
        // The rate falls to 0: Lion and RMSprop circle the minimum at a distance of their step.
        var schedule = new LinearSchedule(Rules[name].LearningRate, 800);
        for (var t = 0; t < 800; t++)
        {
            optimizer.SetLearningRate(schedule.At(t));
            optimizer.ZeroGrad();
            model.Loss().Backward();
            optimizer.Step();
        }

        Assert.InRange(model.Loss().Item(), 0, first * 1e-3);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_parameter_without_a_gradient_is_skipped_and_its_steps_are_not_counted(string name)
    {
        // The same gradients, with an idle step in between: the course must not differ.
        Quadratic steady = new(Start), paused = new(Start);
        Optimizer a = new(steady, Rules[name]), b = new(paused, Rules[name]);
        for (var t = 0; t < 4; t++)
        {
            steady.Backward(t);
            a.Step();
            paused.Backward(t);
            b.Step();
            b.ZeroGrad();
            var before = paused.X.Value.Clone();
            b.Step();
            Agreement.Bits(before, paused.X.Value, "idle step");
            a.ZeroGrad();
        }

        Agreement.Bits(steady.X.Value, paused.X.Value, name);
        Agreement.Bits(a.StateDict().Tensors, b.StateDict().Tensors);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_gradient_of_zeros_is_a_gradient(string name)
    {
        var model = new Quadratic(Start);
        var optimizer = new Optimizer(model, Rules[name]);
        model.X.Value.Grad = model.X.Value.Detach().ZerosLike();
        var before = model.X.Value.ToArray<double>();
        optimizer.Step();
        var after = model.X.Value.ToArray<double>();
        Assert.Equal(1, optimizer.StateDict().Tensors["x.step"].ToArray<long>()[0]);
        if (Rules[name].WeightDecay == 0) Assert.Equal(before, after);
        else Assert.All(before.Zip(after), p => Assert.True(Math.Abs(p.Second) < Math.Abs(p.First)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_restored_state_continues_bit_for_bit(string name)
    {
        var whole = new Quadratic(Start);
        var optimizer = new Optimizer(whole, Rules[name]);
        for (var t = 0; t < 5; t++) whole.Backward(t, optimizer);
        optimizer.SetLearningRate(0.003);
        var state = optimizer.StateDict();
        var (tensors, rules, parameter) = (Agreement.Snapshot(state.Tensors), state.Rules, whole.X.Value.Detach().Clone());
        for (var t = 5; t < 9; t++) whole.Backward(t, optimizer);

        // The other run has a history of its own, which loading must erase.
        var other = new Quadratic(Start * 2);
        var second = new Optimizer(other, Rules[name]);
        other.Backward(77, second);
        second.LoadStateDict(new OptimizerState(tensors, rules));
        Assert.Equal(0.003, second.Groups[0].LearningRate);
        Agreement.Bits(tensors, second.StateDict().Tensors);
        other.X.Set(parameter);
        for (var t = 5; t < 9; t++) other.Backward(t, second);
        Agreement.Bits(whole.X.Value, other.X.Value, name);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Options_keep_every_bit_of_a_rule(string name)
    {
        var rule = Rules[name] with { LearningRate = Math.PI / 1000, WeightDecay = 1.0 / 3 };
        Assert.Equal(rule, UpdateRule.FromOptions(rule.ToOptions()));
    }

    [Fact]
    public void Defaults_are_the_documented_ones()
    {
        Assert.Equal(new Sgd { LearningRate = 1e-3 }, Read("sgd"));
        Assert.Equal(new Adam { LearningRate = 1e-3, Beta1 = 0.9, Beta2 = 0.999, Eps = 1e-8, WeightDecay = 0 }, Read("adam"));
        Assert.Equal(new AdamW { LearningRate = 1e-3, WeightDecay = 0.01 }, Read("adamw"));
        Assert.Equal(new Lion { LearningRate = 1e-4, Beta1 = 0.9, Beta2 = 0.99 }, Read("lion"));
        Assert.Equal(new RmsProp { LearningRate = 1e-2, Alpha = 0.99, Eps = 1e-8 }, Read("rmsprop"));

        static UpdateRule Read(string name) => UpdateRule.FromOptions(Engine.Ops.OptionBag.Parse($$"""{"name": "{{name}}"}"""));
    }

    public static TheoryData<UpdateRule> Rejected() =>
    [
        new Sgd { LearningRate = -1 }, new Sgd { WeightDecay = -1 }, new Sgd { Nesterov = true },
        new Sgd { Nesterov = true, Momentum = 0.9, Dampening = 0.1 }, new Sgd { Momentum = -0.1 },
        new Adam { Eps = -1 }, new Adam { Beta1 = 1 }, new Adam { Beta2 = -0.1 }, new AdamW { WeightDecay = -0.1 },
        new Lion { Beta1 = 1 }, new Lion { Beta2 = 1.5 }, new RmsProp { Eps = -1 }, new RmsProp { Alpha = 1 }, new RmsProp { Momentum = -1 },
    ];

    [Theory]
    [MemberData(nameof(Rejected), DisableDiscoveryEnumeration = true)]
    public void Settings_outside_their_range_are_refused(UpdateRule rule)
    {
        Assert.Throws<TensorException>(() => new Optimizer(new Quadratic(Start), rule));
        Assert.Throws<TensorException>(() => UpdateRule.FromOptions(rule.ToOptions()));
        Assert.Throws<TensorException>(() => new Optimizer(new Quadratic(Start), rule with { LearningRate = double.NaN }));
        var group = new Optimizer(new Quadratic(Start), new Sgd()).Groups[0];
        Assert.Throws<TensorException>(() => group.Rule = rule);
        Assert.Equal(new Sgd(), group.Rule);
    }

    [Fact]
    public void Groups_have_their_own_rules_and_rates()
    {
        Quadratic a = new(Start), b = new(Start);
        var optimizer = new Optimizer(
            new ParameterGroup([("a", a.X)], new Sgd()), new ParameterGroup([("b", b.X)], new Sgd(), learningRateFactor: 2));
        optimizer.SetLearningRate(0.1);
        Assert.Equal([0.1, 0.2], optimizer.Groups.Select(g => g.LearningRate));
        a.Backward(0);
        b.Backward(0);
        var (startA, gradient) = (a.X.Value.ToArray<double>(), a.X.Grad!.ToArray<double>());
        optimizer.Step();
        Agreement.Outputs([.. startA.Zip(gradient, (x, g) => x - 0.1 * g)], a.X.Value.ToArray<double>(), DType.Float64, "a");
        Agreement.Outputs([.. startA.Zip(gradient, (x, g) => x - 0.2 * g)], b.X.Value.ToArray<double>(), DType.Float64, "b");
    }

    [Fact]
    public void A_parameter_in_two_groups_is_refused()
    {
        var x = new Quadratic(Start).X;
        Assert.Throws<TensorException>(() => new Optimizer(new ParameterGroup([("a", x), ("b", x)], new Sgd())));
        Assert.Throws<TensorException>(() => new Optimizer(
            new ParameterGroup([("a", x)], new Sgd()), new ParameterGroup([("a", new Quadratic(Start).X)], new Sgd())));
    }

    [Fact]
    public void A_frozen_parameter_stays()
    {
        var model = new Quadratic(Start);
        var optimizer = new Optimizer(model, new Adam { WeightDecay = 0.1 });
        model.Backward(0, optimizer);
        model.X.RequiresGrad = false;
        var before = model.X.Value.Clone();
        optimizer.Step();
        Agreement.Bits(before, model.X.Value, "frozen");
    }

    [Fact]
    public void A_step_between_forward_and_backward_is_noticed()
    {
        var model = new Quadratic(Start);
        var optimizer = new Optimizer(model, new Sgd { LearningRate = 0.1 });
        model.Backward(0);
        var stale = (model.X.Value * model.X.Value).Sum();
        optimizer.Step();
        Assert.Throws<AutogradException>(() => stale.Backward());
    }

    [Fact]
    public void State_made_inside_a_scope_outlives_it()
    {
        var model = new Quadratic(Start);
        var optimizer = new Optimizer(model, new Adam());
        for (var t = 0; t < 3; t++)
            using (Tensor.Scope()) model.Backward(t, optimizer);
        Assert.Equal(4, optimizer.StateDict().Tensors["x.m"].Count);
        Assert.False(optimizer.StateDict().Tensors["x.v"].IsDisposed);
    }

    [Fact]
    public void Converting_the_model_under_an_optimizer_is_refused_at_the_next_step()
    {
        var model = new Quadratic(Start);
        var optimizer = new Optimizer(model, new Adam());
        model.Backward(0, optimizer);
        model.To(DType.Float32);
        model.X.Value.Grad = model.X.Value.Detach().ZerosLike();
        Assert.Contains("'x'", Assert.Throws<TensorException>(() => optimizer.Step()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_state_that_does_not_fit_is_refused_and_changes_nothing()
    {
        var model = new Quadratic(Start);
        var optimizer = new Optimizer(model, new Adam { LearningRate = 0.1 });
        model.Backward(0, optimizer);
        var saved = optimizer.StateDict();
        var before = Agreement.Snapshot(saved.Tensors);
        foreach (var (tensors, rules, hint) in new (Dictionary<string, Tensor>, IReadOnlyList<string>, string)[]
        {
            (Agreement.Snapshot(saved.Tensors), [], "0 groups"),
            (Agreement.Snapshot(saved.Tensors), ["""{"name": "adamw"}"""], "adamw"),
            (new() { ["x.mm"] = before["x.m"] }, saved.Rules, "did you mean 'x.m'"),
            (new() { ["x.m"] = Tensor.Zeros([3], DType.Float64) }, saved.Rules, "must be Float64 [4]"),
            (new() { ["x.m"] = Tensor.Zeros([4]) }, saved.Rules, "is Float32 [4]"),
            (new() { ["x.step"] = Tensor.Scalar(1) }, saved.Rules, "must be Int64 []"),
        })
        {
            var error = Assert.Throws<TensorException>(() => optimizer.LoadStateDict(new OptimizerState(tensors, rules)));
            Assert.Contains(hint, error.Message, StringComparison.Ordinal);
            Agreement.Bits(before, optimizer.StateDict().Tensors);
            Assert.Equal(0.1, optimizer.Groups[0].LearningRate);
        }
    }

    [Fact]
    public void The_fused_step_refuses_operands_that_do_not_fit()
    {
        var x = Tensor.Zeros([2, 3]);
        var settings = new Engine.Backends.OptimizerSettings(0.1, 0, 0.9, 0.9, 1e-8, 0.9, 0, false, 1);
        const Engine.Backends.OptimizerKernel sgd = Engine.Backends.OptimizerKernel.Sgd, adam = Engine.Backends.OptimizerKernel.Adam;
        Assert.Throws<TensorException>(() => x.OptimizerStep(sgd, settings, Tensor.Zeros([3, 2])));
        Assert.Throws<TensorException>(() => x.OptimizerStep(sgd, settings, Tensor.Zeros([2, 3], DType.Float64)));
        Assert.Throws<TensorException>(() => x.OptimizerStep(sgd, settings, x.ZerosLike()));
        Assert.Throws<TensorException>(() => x.OptimizerStep(adam, settings, x.ZerosLike(), 1, x.ZerosLike()));
        Assert.Throws<TensorException>(() => x.OptimizerStep(sgd, settings, x.ZerosLike(), 1, x.ZerosLike(), x.ZerosLike()));
        Assert.Throws<TensorException>(() => x.OptimizerStep(sgd, settings, x.ZerosLike(), double.NaN, x.ZerosLike()));
        Assert.Throws<TensorException>(() => x.OptimizerStep(sgd, settings with { Step = 0 }, x.ZerosLike(), 1, x.ZerosLike()));
        Assert.Throws<TensorException>(() => x.Transpose().OptimizerStep(sgd, settings, Tensor.Zeros([3, 2]), 1, Tensor.Zeros([3, 2])));
        Assert.Throws<TensorException>(() => Tensor.Zeros([2], DType.Float16).OptimizerStep(sgd, settings, Tensor.Zeros([2], DType.Float16)));
    }

    [Fact]
    public void A_strided_gradient_steps_like_a_dense_one()
    {
        Parameter a = new(Tensor.Full([2, 3], 1, DType.Float64)), b = new(Tensor.Full([2, 3], 1, DType.Float64));
        var gradient = Tensor.Randn([3, 2], DType.Float64, generator: new Generator(1)).Transpose();
        a.Value.Grad = gradient;
        b.Value.Grad = gradient.Clone();
        new Optimizer(new ParameterGroup([("a", a), ("b", b)], new Sgd { LearningRate = 0.1 })).Step();
        Agreement.Bits(b.Value, a.Value, "parameter");
    }

    internal static Tensor Start => Tensor.FromArray(new[] { 0.5, -1.5, 2, -0.25 });

    /// <summary>½ Σ c (x - s)² with curvatures 1 … n, and s shifting with the step.</summary>
    internal sealed class Quadratic : Module
    {
        private readonly Tensor _curvature;

        public Quadratic(Tensor start)
        {
            X = Register("x", start.Clone());
            _curvature = Tensor.Arange(1, start.Count + 1, 1, DType.Float64);
        }

        public Parameter X { get; }

        public Tensor Loss(int step = 0) => (_curvature * (X.Value - step * 0.125).Square()).Sum() * 0.5;

        public void Backward(int step, Optimizer? optimizer = null)
        {
            X.ZeroGrad();
            Loss(step).Backward();
            optimizer?.Step();
        }
    }
}
