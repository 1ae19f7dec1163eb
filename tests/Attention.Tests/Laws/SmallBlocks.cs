using Edifice.Attention.Checking;
using Edifice.Engine;

namespace Edifice.Attention.Tests.Laws;

/// <summary>Every block of the registry on every small configuration it names for its gradient check.</summary>
internal static class SmallBlocks
{
    public static TheoryData<string, string> All => Where(_ => true);

    public static TheoryData<string, string> Causal => Where(b => b.IsCausal);

    public static TheoryData<string, string> Streaming => Where(b => b.CanStream);

    public static GradientCase Case(string block, string name) => Blocks.Find(block).GradientCases.Single(c => c.Name == name);

    /// <summary>The block in float64, in evaluation, with random parameters.</summary>
    public static SequenceBlock Build(string block, string name, int seed = 0)
    {
        Generator.Seeded((ulong)seed);
        return BlockGradCheck.Build(Blocks.Find(block), Case(block, name));
    }

    /// <summary>Random input, and whatever the block takes beside it (with a real position or more in every row).</summary>
    public static (Tensor X, SequenceInputs Inputs) Input(SequenceBlock block, int batch, int length, Generator random)
    {
        var x = Tensor.Randn([batch, length, block.EmbedDim], DType.Float64, generator: random);
        return (x, SequenceInputs.FromNamed(name => !block.Takes.Contains(name) ? null
            : name == SequenceInputs.ResetName ? Tensor.Rand([batch, length], generator: random) > 0.7
            : Tensor.Cat([Tensor.Full([batch, 1], 1, DType.Bool), Tensor.Rand([batch, length - 1], generator: random) > 0.3], 1)));
    }

    private static TheoryData<string, string> Where(Func<SequenceBlock, bool> wanted)
    {
        var rows = new TheoryData<string, string>();
        foreach (var block in Blocks.All)
            foreach (var example in block.GradientCases)
                if (wanted(Build(block.Name, example.Name))) rows.Add(block.Name, example.Name);
        return rows;
    }
}
