using System.Globalization;
using System.Text.Json;
using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Nn;

/// <summary>Optimizers, clipping, schedules and averages as ops by name, so that whatever walks the op table runs them
/// too.</summary>
public static class NnOps
{
    private const string Family = "Training";

    private static readonly Lock s_lock = new();
    private static bool s_registered;

    /// <summary>Adds the ops <c>optimizer</c>, <c>clip_grad_norm</c>, <c>clip_grad_value</c>, <c>lr_schedule</c> and
    /// <c>ema</c> to the <see cref="OpTable"/>; further calls do nothing.</summary>
    public static void Register()
    {
        lock (s_lock)
        {
            if (s_registered) return;
            OpTable.Add(Family, Entries());
            s_registered = true;
        }
    }

    private static IEnumerable<OpEntry> Entries()
    {
        string[] rules =
        [
            """{"name": "sgd", "momentum": 0.9, "nesterov": true}""", """{"name": "adam", "amsgrad": true}""",
            """{"name": "adamw"}""", """{"name": "lion"}""", """{"name": "rmsprop", "centered": true, "momentum": 0.5}""",
        ];
        yield return Fixed("optimizer", RunOptimizer, [.. rules.Select(options => (Func<OpCase>)(() => OpCase.Of(
            options, ("param0", Sample.Normal(2, 3)), ("grads0", Sample.Normal(4, 2, 3)), ("param1", Sample.Normal(5)), ("grads1", Sample.Normal(4, 5)))))]);
        yield return Fixed("clip_grad_norm", RunClipNorm,
            () => OpCase.Of("""{"max_norm": 0.5}""", ("grads0", Sample.Normal(2, 3)), ("grads1", Sample.Normal(4))),
            () => OpCase.Of("""{"max_norm": 0.5, "norm_type": "inf"}""", ("grads0", Sample.Normal(2, 3))));
        yield return Fixed("clip_grad_value", RunClipValue,
            () => OpCase.Of("""{"clip_value": 0.5}""", ("grads0", Sample.Normal(2, 3)), ("grads1", Sample.Normal(4))));
        yield return Fixed("lr_schedule", RunSchedule,
            () => OpCase.Of("""{"name": "cosine", "lr": 0.1, "warmup_steps": 3, "total_steps": 9, "steps": 12}"""));
        yield return Fixed("ema", RunAverage,
            () => OpCase.Of("""{"decay": 0.9, "warmup": true, "steps": 5}""", ("average", Sample.Normal(3)), ("params", Sample.Normal(5, 3))));
    }

    private static OpEntry Fixed(string name, Func<OpCase, OpResults> run, params IReadOnlyList<Func<OpCase>> samples) =>
        new(name, run, samples) { IsDifferentiable = false };

    private static OpResults RunOptimizer(OpCase c)
    {
        var parameters = Numbered(c, "param").Select(p => (p.Name, Parameter: new Parameter(p.Value))).ToArray();
        var optimizer = new Optimizer(new ParameterGroup(parameters, UpdateRule.FromOptions(c.Options.Without("steps"))));
        var gradients = parameters.Select((_, i) => c.Optional($"grads{i}")).ToArray();
        var steps = gradients.Max(g => g?.Size(0)) ?? 0;
        if (c.Options.IntOrNull("steps") is { } told && told != steps)
            throw new TensorException($"optimizer: the option steps is {told}, but there are {steps} gradients");
        var course = parameters.Select(_ => new List<Tensor>()).ToArray();
        for (var t = 0; t < steps; t++)
        {
            for (var i = 0; i < parameters.Length; i++)
                if (gradients[i] is { } g) parameters[i].Parameter.Value.Grad = g.Select(0, t).Reshape(parameters[i].Parameter.Shape.AsSpan());
            optimizer.Step();
            for (var i = 0; i < parameters.Length; i++) course[i].Add(parameters[i].Parameter.Value.Detach().Clone());
        }

        var results = new OpResults();
        for (var i = 0; i < parameters.Length; i++)
        {
            var all = Tensor.Stack([.. course[i]], 0);
            results.Add(($"param{i}_t", gradients[i] is { } g ? all.Reshape(g.Shape.AsSpan()) : all));
        }

        return results;
    }

    private static OpResults RunClipNorm(OpCase c)
    {
        var gradients = Copies(c);
        var type = c.Options.Raw("norm_type") is { ValueKind: JsonValueKind.String }
            ? c.Options.Text("norm_type", "") == "inf" ? double.PositiveInfinity : throw new TensorException("clip_grad_norm: norm_type must be 1, 2 or \"inf\"")
            : c.Options.Double("norm_type", 2);
        var norm = GradientClipping.ByNorm(
            gradients.Select(g => g.Value).ToArray(), c.Options.DoubleOrNull("max_norm") ?? throw new TensorException("clip_grad_norm: the option 'max_norm' is missing"), type);
        return [.. gradients, ("total_norm", Tensor.Scalar(norm, gradients[0].Value.DType, gradients[0].Value.Device))];
    }

    private static OpResults RunClipValue(OpCase c)
    {
        var gradients = Copies(c);
        GradientClipping.ByValue(
            gradients.Select(g => g.Value).ToArray(), c.Options.DoubleOrNull("clip_value") ?? throw new TensorException("clip_grad_value: the option 'clip_value' is missing"));
        return [.. gradients];
    }

    private static OpResults RunSchedule(OpCase c)
    {
        var schedule = LearningRateSchedule.FromOptions(c.Options.Without("steps"));
        var rates = new double[c.Options.Int("steps", 0)];
        for (var t = 0; t < rates.Length; t++) rates[t] = schedule.At(t);
        return [("lr", Tensor.FromArray(rates))];
    }

    private static OpResults RunAverage(OpCase c)
    {
        var model = new SingleParameter(c["average"]);
        var average = new ExponentialMovingAverage(
            model, c.Options.DoubleOrNull("decay") ?? throw new TensorException("ema: the option 'decay' is missing"), c.Options.Bool("warmup", false));
        var course = new List<Tensor>();
        for (var t = 0; t < c["params"].Size(0); t++)
        {
            model.Value.Set(c["params"].Select(0, t));
            average.Update();
            course.Add(average.StateDict().Values.Single().Clone());
        }

        return [("average_t", Tensor.Stack([.. course], 0))];
    }

    private static List<(string Name, Tensor Value)> Copies(OpCase c) =>
        [.. Numbered(c, "grads").Select(g => (g.Name, g.Value.Detach().Clone()))];

    /// <summary>Inputs name0, name1, … as far as they go.</summary>
    private static List<(string Name, Tensor Value)> Numbered(OpCase c, string prefix)
    {
        var found = new List<(string, Tensor)>();
        while (c.Optional(prefix + found.Count.ToString(CultureInfo.InvariantCulture)) is { } value)
            found.Add((prefix + found.Count.ToString(CultureInfo.InvariantCulture), value));
        return found.Count > 0 ? found : throw new TensorException($"input '{prefix}0' is missing; given: {string.Join(", ", c.Inputs.Keys)}");
    }

    /// <summary>A model that is one tensor.</summary>
    private sealed class SingleParameter : Module
    {
        public SingleParameter(Tensor value) => Value = Register("value", value.Detach().Clone());

        public Parameter Value { get; }
    }
}
