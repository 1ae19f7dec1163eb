using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Checking;

/// <summary>Runs golden op cases through the op table.</summary>
public static class GoldenRunner
{
    /// <summary>Runs an op case and compares its results and, where the file has cotangents, the gradients of
    /// Σ result · cotangent.</summary>
    /// <param name="file">A case of an op.</param>
    /// <param name="dtype">Float32 or float64; a file that names its own dtype runs in that one.</param>
    /// <param name="device">Where; null: the CPU.</param>
    /// <exception cref="TensorException">Not a case of an op of the table.</exception>
    public static GoldenVerdict RunOp(GoldenFile file, DType dtype, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        var name = file.Kind is null ? file.Op : null;
        var op = OpTable.Find(name ?? throw new TensorException($"{file.Name} is not a case of an op"))
            ?? throw new TensorException($"{file.Name}: the table has no op '{name}'");
        using var memory = Tensor.Scope();
        using var mode = GradMode.On();
        var run = file.DType ?? dtype;
        var comparer = new GoldenComparer(file.Name, run);
        var inputs = file.Names("in").ToDictionary(n => n, n => file.Read("in." + n, run, device));
        var watched = file.Names("grad").Where(n => inputs.ContainsKey(n) && !op.Fixed.Contains(n)).ToArray();
        foreach (var n in watched) inputs[n].RequiresGrad();
        var results = op.Run(new OpCase(inputs, file.Options)).ToDictionary(r => r.Name, r => r.Value);

        var tolerance = file.IsSpecial ? GoldenTolerance.Special(op.Name, run) : GoldenTolerance.Result(run);
        foreach (var n in file.Names("out"))
        {
            if (results.TryGetValue(n, out var y)) comparer.Compare("out." + n, y, file.Read("out." + n), tolerance);
            else comparer.Fail($"out.{n}: the op gave no such result, only {string.Join(", ", results.Keys)}");
        }

        var outputs = file.Names("cotangent").Where(n => results.TryGetValue(n, out var y) && y.NeedsGradient).Select(n => (Name: n, Value: results[n])).ToArray();
        if (outputs.Length == 0)
        {
            if (watched.Any(n => !IsZero(file, n))) comparer.Fail("no result is on the tape, though the file has gradients");
            return comparer.Verdict();
        }

        var cotangents = outputs.Select(o => file.Read("cotangent." + o.Name, run, device).Reshape(o.Value.Shape.AsSpan())).ToArray();
        var gradients = Gradients.Of([.. outputs.Select(o => o.Value)], [.. watched.Select(n => inputs[n])], cotangents, allowUnused: true);
        var gradientTolerance = GoldenTolerance.Gradient(run, file.LargestGradient());
        for (var i = 0; i < watched.Length; i++)
        {
            // An input that takes no gradient has zeros in the file, which stand for nothing.
            if (gradients[i] is null && IsZero(file, watched[i])) continue;
            comparer.Compare("grad." + watched[i], gradients[i], file.Read("grad." + watched[i]), gradientTolerance);
        }

        return comparer.Verdict();
    }

    private static bool IsZero(GoldenFile file, string input) =>
        file.Read("grad." + input).AsSpan<double>().IndexOfAnyExcept(0.0) < 0;
}
