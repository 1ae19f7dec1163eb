using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Checking;

/// <summary>Holds the gradients of the tape against central differences in float64.</summary>
/// <remarks>
/// Beside the Jacobian itself a check runs the backward pass twice over one graph (the same bits), the whole function twice
/// (the same bits), with cotangents that are strided and repeated views (the same gradient), and, at order 2, with a graph of
/// the gradient (the same gradient, then its own Jacobian by inputs and cotangents).
/// <code>
/// var result = GradCheck.Run(x => [x[0].Softmax() * x[1]], [a, b], new GradCheckOptions { Order = 2 });
/// result.ThrowIfFailed();
/// </code>
/// </remarks>
public static class GradCheck
{
    /// <summary>Checks a function at the given inputs.</summary>
    /// <param name="function">Any number of inputs and results. It must do the same each time; what it draws from
    /// <see cref="Generator.Current"/> repeats.</param>
    /// <param name="inputs">Float64 tensors of any strides are varied; tensors of other kinds are held fixed. None of them is
    /// written to.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="TensorException">A floating-point input that is not held fixed is not float64.</exception>
    public static GradCheckResult Run(Func<Tensor[], Tensor[]> function, Tensor[] inputs, GradCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        ArgumentNullException.ThrowIfNull(inputs);
        options ??= new GradCheckOptions();
        if (options.Order is not (1 or 2)) throw new TensorException($"GradCheck: the order must be 1 or 2, got {options.Order}");
        if (!(options.Step > 0)) throw new TensorException($"GradCheck: the step must be positive, got {options.Step}");
        using var memory = Tensor.Scope();
        using var mode = GradMode.On();
        var arguments = (Tensor[])inputs.Clone();
        var probes = new List<ProbedInput>();
        var places = new List<int>();
        for (var i = 0; i < inputs.Length; i++)
        {
            arguments[i] = inputs[i].Detach();
            if (!inputs[i].DType.IsFloating() || options.Fixed.Contains(i)) continue;
            if (inputs[i].DType != DType.Float64)
                throw TensorException.For("GradCheck", $"{options.InputName(i)} must be Float64 (differences need its digits): convert with .To(DType.Float64), or hold it fixed", inputs[i]);
            probes.Add(new ProbedInput(options.InputName(i), inputs[i]));
            places.Add(i);
        }

        var random = Generator.Current.Save();
        Tensor[] Varied(Tensor[] varied)
        {
            Generator.Current.Restore(random);
            var all = (Tensor[])arguments.Clone();
            for (var i = 0; i < varied.Length; i++) all[places[i]] = varied[i];
            return options.Checkpoint && GradMode.IsOn ? Gradients.Checkpoint(() => function(all)) : function(all);
        }

        try
        {
            return Check(CheckedFunction.Of(options.Function, Varied), [.. probes], options);
        }
        finally
        {
            Generator.Current.Restore(random);
        }
    }

    private static GradCheckResult Check(CheckedFunction f, ProbedInput[] inputs, GradCheckOptions options)
    {
        var findings = new GradCheckFindings();
        var random = new Generator(options.Seed);
        var first = new GradCheckLevel(f, inputs, options, findings, random);
        first.Check();
        // A wrong gradient would fail again, less legibly, as a wrong gradient of the gradient.
        if (options.Order == 2 && !findings.Any && first.Watched.Contains(true))
        {
            var cotangents = first.Shapes.Where((_, k) => first.Watched[k])
                .Select((s, k) => new ProbedInput($"cotangent {k}", Tensor.Randn(s, DType.Float64, generator: random)));
            new GradCheckLevel(f.Gradient(inputs.Length, first.Watched, i => inputs[i].Name), [.. inputs, .. cotangents], options, findings, random).Check();
        }

        return findings.Result(f.Name);
    }

    /// <summary>Checks an op of the table on every sample it has, to second order unless the options say otherwise.</summary>
    /// <remarks>An op that declares itself not differentiable must keep its results off the tape and repeat itself.</remarks>
    public static OpCheckResult RunOp(OpEntry op, GradCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(op);
        options ??= new GradCheckOptions { Order = 2 };
        var results = new List<GradCheckResult>();
        var before = Generator.Current.Save();
        try
        {
            for (var i = 0; i < op.Samples.Count; i++)
            {
                using var memory = Tensor.Scope();
                Generator.Current.Restore(new RandomState(options.Seed + (ulong)i, 0));
                var sample = op.Samples[i]();
                results.Add(RunSample(op, sample, options with { Function = $"{op.Name} sample {i} {sample.Options}", Seed = options.Seed + (ulong)i }));
            }
        }
        finally
        {
            Generator.Current.Restore(before);
        }

        return new OpCheckResult(op.Name, op.Family, results);
    }

    private static GradCheckResult RunSample(OpEntry op, OpCase sample, GradCheckOptions options)
    {
        var names = sample.Inputs.Keys.ToArray();
        var inputs = names.Select(n => sample.Inputs[n]).ToArray();
        options = options with
        {
            InputNames = names,
            Fixed = [.. Enumerable.Range(0, names.Length).Where(i => op.Fixed.Contains(names[i]))],
        };
        Tensor[] Call(Tensor[] x)
        {
            var replaced = new Dictionary<string, Tensor>();
            for (var i = 0; i < names.Length; i++) replaced[names[i]] = x[i];
            return [.. op.Run(sample.With(replaced)).Select(r => r.Value)];
        }

        return op.IsDifferentiable ? Run(Call, inputs, options) : CheckOffTheTape(Call, inputs, options);
    }

    private static GradCheckResult CheckOffTheTape(Func<Tensor[], Tensor[]> call, Tensor[] inputs, GradCheckOptions options)
    {
        using var mode = GradMode.On();
        var failures = new List<string>();
        var leaves = inputs.Select(x => x.DType.IsFloating() ? x.Detach().RequiresGrad() : x).ToArray();
        foreach (var y in call(leaves))
            if (y.NeedsGradient) failures.Add("a result is on the tape, though the op says it has no gradient");
        return new GradCheckResult(options.Function, failures, null, 0);
    }
}
