using System.Globalization;
using Edifice.Attention;
using Edifice.Cli.Output;
using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Commands;

/// <summary><c>edifice blocks --states</c>: how much a streaming state holds after few and after many tokens, at the published
/// defaults and a hidden size of 64.</summary>
internal static class StreamingStates
{
    private const int Width = 64, Few = 10, Many = 1_000;

    public static void Write() => Terminal.Table(
        ["block", $"bytes at token {Few}", $"bytes at token {Many}", "growth"], Blocks.All.Select(Measure));

    private static string[] Measure(BlockInfo info)
    {
        using var off = Tensor.NoGrad();
        using var scope = Tensor.Scope();
        var block = info.Build(OptionBag.Parse($$"""{"embed_dim": {{Width}}, "hidden_size": {{Width}}}"""));
        if (!block.CanStream) return [info.Name, "-", "-", block.StreamingObstacle!];
        block.Eval();
        var state = block.InitialState(batch: 1);
        _ = block.Prefill(Tensor.Randn([1, Few, Width]), state);
        var few = Bytes(state);
        _ = block.Prefill(Tensor.Randn([1, Many - Few, Width]), state);
        var many = Bytes(state);
        return [info.Name, Text(few), Text(many), many == few ? "constant" : many >= few * (Many / Few) ? "with every token" : "up to its window"];
    }

    /// <summary>Keys, values and recurrent states; not the counters of positions.</summary>
    private static long Bytes(StreamState state) => state.Tensors().Values.Where(t => t.DType.IsFloating()).Sum(t => t.Count * t.DType.SizeOf());

    private static string Text(long bytes) => bytes.ToString("N0", CultureInfo.InvariantCulture);
}
