using Edifice.Engine;
using Edifice.Engine.Checking;
using Edifice.Engine.Ops;

namespace Edifice.Attention.Tests.Laws;

/// <summary>The configurations of the gradient checks reach all of a block's code, and the checks see what is wrong in it.</summary>
public class GradientCaseTests
{
    public static TheoryData<string> Names => new(Blocks.All.Select(b => b.Name));

    /// <summary>One value of one option.</summary>
    private static readonly Func<BlockOption, string[]> s_values = row => row switch
    {
        { Kind: OptionKind.Choice } => [.. row.Choices.Select(c => $"\"{c}\"")],
        { Kind: OptionKind.TruthValue } => ["true", "false"],
        { IsNullable: true } => ["null", "a number"],
        _ => [],
    };

    private static string Value(OptionBag options, BlockOption row)
    {
        var text = options.Raw(row.Name)?.GetRawText() ?? row.Default!;
        return row.IsNullable && text != "null" ? "a number" : text;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_value_of_an_option_that_chooses_code_is_visited(string name)
    {
        var info = Blocks.Find(name);
        foreach (var row in info.Options.Rows)
            foreach (var value in s_values(row))
                Assert.True(
                    info.GradientCases.Any(c => Value(OptionBag.Parse(c.Options), row) == value), $"{name}: no gradient case has {row.Name} = {value}");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_mode_is_visited_whole_and_in_pieces_and_every_side_input_likewise(string name)
    {
        var info = Blocks.Find(name);
        var streams = info.GradientCases.Any(c => SmallBlocks.Build(name, c.Name).CanStream);
        var takes = SmallBlocks.Build(name, info.GradientCases[0].Name).Takes;
        foreach (var pieces in streams ? new[] { false, true } : [false])
        {
            var cases = info.GradientCases.Where(c => c.Pieces is not null == pieces).ToArray();
            foreach (var mode in info.Options.Rows.Where(r => r.Name == "mode").SelectMany(s_values))
                Assert.True(
                    cases.Any(c => Value(OptionBag.Parse(c.Options), info.Options.Find("mode")) == mode),
                    $"{name}: no gradient case {(pieces ? "in pieces" : "of one whole pass")} has mode = {mode}");
            foreach (var input in takes)
                Assert.True(cases.Any(c => c.Inputs is not null), $"{name}: no gradient case {(pieces ? "in pieces" : "of one whole pass")} has {input}");
        }
    }

    /// <summary>y = x, with a gradient that claims something else.</summary>
    private sealed class Tampered(Func<Tensor, Tensor> claim) : Engine.Autograd.CustomFunction
    {
        protected override Tensor[] Forward(Tensor[] inputs) => [inputs[0].Clone()];

        protected override Tensor?[] Backward(Tensor?[] cotangents) => [claim(cotangents[0]!)];
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_gradient_off_by_one_part_in_ten_thousand_is_found_in_a_whole_block(string name)
    {
        var block = SmallBlocks.Build(name, Blocks.Find(name).GradientCases[0].Name);
        var x = Tensor.Randn([2, 5, block.EmbedDim], DType.Float64, generator: new Generator(3));
        foreach (var mode in new[] { GradCheckMode.Full, GradCheckMode.Fast })
        {
            GradCheckResult Check(int order, Func<Tensor, Tensor> claim) => GradCheck.Run(
                a => [block.ForwardSequence(new Tampered(claim).Apply(a[0])[0])], [x], new GradCheckOptions { Order = order, Mode = mode });
            Assert.False(Check(1, g => g * (1 + 1e-4)).Passed);
            // Right to first order; to second order a part of the graph of the gradient is cut.
            var wrong = Check(2, g => g * 0.9999 + g.Detach() * 0.0001);
            Assert.False(wrong.Passed);
            Assert.Equal(2, wrong.Worst!.Order);
            Assert.True(Check(2, g => g * 0.5 + g * 0.5).Passed);
        }
    }
}
