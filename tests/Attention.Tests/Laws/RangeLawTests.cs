using System.Text.RegularExpressions;
using Edifice.Engine;
using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Attention.Tests.Laws;

/// <summary>Inputs of any size that float32 and bfloat16 have, and inputs of which nothing is real.</summary>
public partial class RangeLawTests
{
    [GeneratedRegex(@"\.[qk]_(proj|norm)\.")]
    private static partial Regex QueryOrKey();

    public static TheoryData<string, string> All => SmallBlocks.All;

    [Theory]
    [MemberData(nameof(All))]
    public void Inputs_of_any_size_give_the_states_and_gradients_of_float64(string block, string name)
    {
        var wide = SmallBlocks.Build(block, name);
        var narrow = Blocks.Build(block, OptionBag.Parse(SmallBlocks.Case(block, name).Options).With("dropout", "0"));
        narrow.Eval();
        // Both hold the numbers that float32 has.
        var state = wide.StateDict().ToDictionary(p => p.Key, p => p.Value.DType.IsFloating() ? p.Value.To(DType.Float32) : p.Value);
        narrow.LoadStateDict(state);
        wide.LoadStateDict(state.ToDictionary(p => p.Key, p => p.Value.DType.IsFloating() ? p.Value.To(DType.Float64) : p.Value));
        foreach (var size in new[] { 1e30, 1e-30 })
        {
            var (x, inputs) = SmallBlocks.Input(wide, 2, 5, new Generator(4));
            x = (x * size).To(DType.Float32);
            List<(string Name, double[] Values)> expected = Measure(wide, x.To(DType.Float64), inputs), actual = Measure(narrow, x, inputs);
            var steepest = expected.Where(e => e.Name.Contains("_proj.", StringComparison.Ordinal)).SelectMany(e => e.Values).Select(Math.Abs).DefaultIfEmpty(0).Max();
            foreach (var ((what, b), (_, a)) in expected.Zip(actual))
            {
                var largest = b.Select(Math.Abs).Max();
                // Positions that are all alike, or a softmax that does not see what all scores have in common: terms cancel to nothing.
                var cancelled = QueryOrKey().IsMatch(what) ? 1e-5 * steepest : 0;
                Assert.True(largest <= float.MaxValue, $"{what} for inputs of {size:G2} does not fit float32: {largest}");
                for (var i = 0; i < b.Length; i++)
                    Assert.True(
                        Math.Abs(a[i] - b[i]) <= 1e-3 * largest + cancelled + 1e-34, $"inputs of {size:G2}: {what} element {i} is {a[i]:G9} instead of {b[i]:G9} (largest {largest:G3})");
            }
        }
    }

    private static List<(string Name, double[] Values)> Measure(SequenceBlock block, Tensor x, SequenceInputs inputs)
    {
        x = x.Detach().RequiresGrad();
        var states = block.ForwardSequence(x, inputs);
        var parameters = block.NamedParameters();
        var g = Gradients.Of(
            [states], [x, .. parameters.Select(p => p.Parameter.Value)],
            [Tensor.Randn(states.Shape, DType.Float64, generator: new Generator(7)).To(states.DType)], allowUnused: true);
        double[] Numbers(Tensor t) => t.Detach().To(DType.Float64).ToArray<double>();
        return
        [
            ("states", Numbers(states)),
            .. g.Select((d, i) => ($"gradient of {(i == 0 ? "input" : parameters[i - 1].Name)}", d is null ? new double[1] : Numbers(d))),
        ];
    }

    public static TheoryData<string, string> Masked
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (var row in All)
            {
                var (block, name) = ((string)row[0], (string)row[1]);
                if (SmallBlocks.Build(block, name).Takes.Contains(SequenceInputs.KeyMaskName)) rows.Add(block, name);
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Masked))]
    public void A_row_of_which_nothing_is_real_is_not_looked_at_and_leaves_the_others_alone(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        var (x, _) = SmallBlocks.Input(model, 2, 4, new Generator(4));
        var mask = Tensor.FromArray([false, false, false, false, true, true, false, true], [2, 4]);
        (double[] States, double[] Gradient, Tensor Leaf) Run(Tensor x, Tensor mask)
        {
            var leaf = x.Detach().RequiresGrad();
            model.ZeroGrad();
            var states = model.ForwardSequence(leaf, new SequenceInputs { KeyMask = mask });
            states.Square().Sum().Backward();
            Assert.All(model.Parameters().Where(p => p.Grad is not null), p => Assert.All(p.Grad!.ToArray<double>(), g => Assert.True(double.IsFinite(g))));
            return (states.ToArray<double>(), leaf.Grad!.ToArray<double>(), states);
        }

        var (states, gradient, shape) = Run(x, mask);
        Assert.All(states, v => Assert.True(double.IsFinite(v)));
        Assert.All(gradient[..(gradient.Length / 2)], g => Assert.Equal(0, g));
        Assert.Contains(gradient[(gradient.Length / 2)..], g => g != 0);
        var other = Run(Tensor.Cat([x.Narrow(0, 0, 1) * 100 + 1, x.Narrow(0, 1, 1)]), mask).States;
        Assert.Equal(states, other);
        var alone = Run(x.Narrow(0, 1, 1), mask.Narrow(0, 1, 1)).States;
        Near.Equal(shape.Narrow(0, 1, 1), Tensor.FromArray(alone, [1, .. shape.Shape.AsSpan()[1..]]));
    }
}
