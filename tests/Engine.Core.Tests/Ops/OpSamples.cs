using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Tests.Ops;

/// <summary>The table's ops and their samples, for theories that hold for all of them.</summary>
internal static class OpSamples
{
    /// <summary>Every op.</summary>
    public static TheoryData<string> Names() => [.. OpTable.All.Select(o => o.Name)];

    /// <summary>Every op that has a gradient.</summary>
    public static TheoryData<string> Differentiable() => [.. OpTable.All.Where(o => o.IsDifferentiable).Select(o => o.Name)];

    public static OpEntry Find(string op) => OpTable.Find(op) ?? throw new ArgumentException($"no op '{op}'");

    /// <summary>The samples of an op, the same each time.</summary>
    public static IEnumerable<OpCase> Of(OpEntry op)
    {
        for (var i = 0; i < op.Samples.Count; i++)
        {
            Generator.Seeded(100 + (ulong)i);
            yield return op.Samples[i]();
        }
    }

    /// <summary>The same case with every input passed through a function.</summary>
    public static OpCase Select(this OpCase sample, Func<string, Tensor, Tensor> f) =>
        sample.With(sample.Inputs.ToDictionary(p => p.Key, p => f(p.Key, p.Value)));

    /// <summary>The same case with leaves for every input that can have a gradient.</summary>
    public static OpCase Watched(this OpCase sample, OpEntry op) =>
        sample.Select((name, x) => op.IsWatched(name, x) ? x.Detach().RequiresGrad() : x);

    /// <summary>True when an input is varied by gradient checks.</summary>
    public static bool IsWatched(this OpEntry op, string name, Tensor x) => op.IsDifferentiable && x.DType.IsFloating() && !op.Fixed.Contains(name);

    /// <summary>The watched inputs, by name.</summary>
    public static (string Name, Tensor Value)[] Leaves(this OpCase sample, OpEntry op) =>
        [.. sample.Inputs.Where(p => op.IsWatched(p.Key, p.Value)).Select(p => (p.Key, p.Value))];

    /// <summary>The results on the tape.</summary>
    public static Tensor[] OnTape(this OpResults results) => [.. results.Where(r => r.Value.NeedsGradient).Select(r => r.Value)];

    /// <summary>Normal cotangents, the same each time.</summary>
    public static Tensor[] Cotangents(Tensor[] results)
    {
        var random = new Generator(5);
        return [.. results.Select(y => Tensor.Randn(y.Shape, DType.Float64, generator: random).To(y.Device).To(y.DType))];
    }

    /// <summary>Results and gradients of one run, as numbers.</summary>
    public static List<(string Name, double[] Values)> Measure(this OpEntry op, OpCase sample)
    {
        var watched = sample.Watched(op);
        var results = op.Run(watched);
        var numbers = results.Select(r => (r.Name, Numbers(r.Value))).ToList();
        var outputs = results.OnTape();
        if (outputs.Length == 0) return numbers;
        var leaves = watched.Leaves(op);
        var g = Gradients.Of(outputs, [.. leaves.Select(l => l.Value)], Cotangents(outputs), allowUnused: true);
        for (var i = 0; i < g.Length; i++)
            if (g[i] is { } d) numbers.Add(($"gradient of {leaves[i].Name}", Numbers(d)));
        return numbers;
    }

    /// <summary>The elements as doubles, from any dtype and device.</summary>
    public static double[] Numbers(Tensor x) => x.Detach().To(Device.Cpu).To(DType.Float64).ToArray<double>();

    /// <summary>Asserts that two runs agree: results to a part of the largest value of each, gradients to ten times that part and to
    /// a hundredth of it of the largest of all gradients (some are zero in mathematics and rounding in numbers).</summary>
    public static void AssertClose(List<(string Name, double[] Values)> expected, List<(string Name, double[] Values)> actual, double relative, string what)
    {
        Assert.Equal(expected.Select(e => e.Name), actual.Select(a => a.Name));
        static bool IsGradient(string name) => name.StartsWith("gradient", StringComparison.Ordinal);
        static double Largest(IEnumerable<double> values) => values.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        var steepest = Largest(expected.Where(e => IsGradient(e.Name)).SelectMany(e => e.Values));
        for (var k = 0; k < expected.Count; k++)
        {
            var (name, b) = expected[k];
            var a = actual[k].Values;
            Assert.True(b.Length == a.Length, $"{what}: {name} has {a.Length} elements instead of {b.Length}");
            var allowed = relative * (IsGradient(name) ? 10 * Largest(b) + 0.01 * steepest : Largest(b));
            for (var i = 0; i < b.Length; i++)
                Assert.True(b[i].Equals(a[i]) || Math.Abs(a[i] - b[i]) <= allowed, $"{what}: {name} element {i} is {a[i]:G17} instead of {b[i]:G17}");
        }
    }
}
