using Edifice.Engine.Autograd;
using Edifice.Engine.Checking;
using Edifice.Engine.Ops;
using Edifice.Engine.Tests.Reference;

namespace Edifice.Engine.Tests.Ops;

/// <summary>Laws that hold for every op of the table.</summary>
public class OpTableTests
{
    public static TheoryData<string> Names => OpSamples.Names();

    public static TheoryData<string> Differentiable => OpSamples.Differentiable();

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_op_has_samples_to_check(string op) => Assert.NotEmpty(OpSamples.Find(op).Samples);

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_of_first_and_second_order_agree_with_differences(string op)
    {
        var result = GradCheck.RunOp(OpSamples.Find(op));
        Assert.True(result.Passed, result.Report);
    }

    [Theory]
    [MemberData(nameof(Differentiable))]
    public void Gradients_under_a_checkpoint_agree_with_differences(string op)
    {
        var result = GradCheck.RunOp(OpSamples.Find(op), new GradCheckOptions { Order = 2, Mode = GradCheckMode.Fast, Checkpoint = true });
        Assert.True(result.Passed, result.Report);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Results_and_gradients_do_not_depend_on_the_strides_of_inputs(string name)
    {
        var op = OpSamples.Find(name);
        foreach (var sample in OpSamples.Of(op))
        {
            var expected = op.Measure(sample.Select((_, x) => x.Contiguous()));
            foreach (var (how, place) in Layouts())
                OpSamples.AssertClose(expected, op.Measure(sample.Select((_, x) => place(x))), 1e-13, $"{name} {sample.Options}, {how}");
        }
    }

    /// <summary>The values of a tensor under other strides.</summary>
    private static IEnumerable<(string How, Func<Tensor, Tensor> Place)> Layouts()
    {
        yield return ("axes in reverse order in memory", x =>
        {
            int[] reversed = [.. Enumerable.Range(0, x.Rank).Reverse()];
            return x.Permute(reversed).Clone().Permute(reversed);
        });
        yield return ("a gap after every element", x => x.Rank == 0 ? x : Tensor.Stack([x, x.ZerosLike()], -1).Select(-1, 0));
        yield return ("backwards in memory", x =>
        {
            int[] axes = [.. Enumerable.Range(0, x.Rank)];
            return x.Flip(axes).Clone().Flip(axes);
        });
        yield return ("inside a larger tensor", x => x.Rank == 0 ? x : Tensor.Cat([x.Narrow(0, 0, Math.Min(1, x.Size(0))), x], 0).Narrow(0, Math.Min(1, x.Size(0)), x.Size(0)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_float32_run_agrees_with_the_float64_run(string name)
    {
        var op = OpSamples.Find(name);
        if (name == "cast") return; // Its option names the dtype.
        foreach (var sample in OpSamples.Of(op))
        {
            // Both runs start from numbers that float32 holds exactly, so that they see the same inputs.
            var narrow = sample.Select((_, x) => x.DType.IsFloating() ? x.To(DType.Float32) : x);
            var wide = narrow.Select((_, x) => x.DType.IsFloating() ? x.To(DType.Float64) : x);
            OpSamples.AssertClose(op.Measure(wide), op.Measure(narrow), 1e-4, $"{name} {sample.Options} in float32");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_default_backend_agrees_with_plain_loops(string name)
    {
        var op = OpSamples.Find(name);
        foreach (var sample in OpSamples.Of(op))
        {
            var expected = op.Measure(sample.Select((_, x) => x.To(ReferenceBackend.TheDevice)));
            OpSamples.AssertClose(expected, op.Measure(sample), 1e-12, $"{name} {sample.Options}");
        }
    }

    [Theory]
    [MemberData(nameof(Differentiable))]
    public void The_backward_pass_survives_the_disposal_of_inputs_and_results(string name)
    {
        var op = OpSamples.Find(name);
        foreach (var sample in OpSamples.Of(op))
        {
            foreach (var graph in new[] { false, true })
            {
                var expected = PullAfter(op, sample, graph, _ => { });
                var actual = PullAfter(op, sample, graph, x => x.Dispose());
                OpSamples.AssertClose(expected, actual, 0, $"{name} {sample.Options}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Differentiable))]
    public void A_write_in_place_after_the_forward_pass_is_an_error_or_changes_nothing(string name)
    {
        var op = OpSamples.Find(name);
        foreach (var sample in OpSamples.Of(op))
        {
            foreach (var graph in new[] { false, true })
            {
                var expected = PullAfter(op, sample, graph, _ => { });
                foreach (var input in sample.Inputs.Keys)
                {
                    try
                    {
                        var actual = PullAfter(op, sample, graph, x => x.Detach().FillInPlace(0), input);
                        OpSamples.AssertClose(expected, actual, 0, $"{name} {sample.Options} after a write to {input}");
                    }
                    catch (AutogradException e)
                    {
                        Assert.Contains("written in place", e.Message, StringComparison.Ordinal);
                    }
                }
            }
        }
    }

    /// <summary>Gradients when something happens to the op's operands between the passes. The operands are inner tensors, so
    /// that the leaves themselves stay as they are.</summary>
    private static List<(string Name, double[] Values)> PullAfter(OpEntry op, OpCase sample, bool graph, Action<Tensor> happens, string? only = null)
    {
        var leaves = sample.Watched(op);
        var operands = leaves.Select((_, x) => x.Clone());
        var results = op.Run(operands);
        var outputs = results.OnTape();
        if (outputs.Length == 0) return [];
        // Identities keep the results' place in the graph when the results themselves are disposed.
        var ends = outputs.Select(y => y * 1).ToArray();
        foreach (var (input, x) in operands.Inputs)
            if (only is null || only == input) happens(x);
        if (only is null)
            foreach (var y in outputs) happens(y);
        var named = leaves.Leaves(op);
        var g = Gradients.Of(ends, [.. named.Select(l => l.Value)], OpSamples.Cotangents(ends), createGraph: graph, allowUnused: true);
        return [.. g.Select((d, i) => (named[i].Name, d is null ? [] : OpSamples.Numbers(d)))];
    }
}
