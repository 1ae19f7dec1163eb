using Edifice.Engine;
using Edifice.Engine.Backends;

namespace Edifice.Attention;

/// <summary>Words and rules that the options of recurrent blocks have in common.</summary>
internal static class RecurrenceRules
{
    public static readonly (string, RecurrenceMode)[] AllModes =
        [("parallel", RecurrenceMode.Parallel), ("recurrent", RecurrenceMode.Recurrent), ("chunkwise", RecurrenceMode.Chunkwise)];

    public static readonly (string, RecurrenceMode)[] LinearModes = [("recurrent", RecurrenceMode.Recurrent), ("chunkwise", RecurrenceMode.Chunkwise)];

    public static readonly (string, Activation)[] Activations = [("gelu", Activation.Gelu), ("silu", Activation.Silu)];

    public static readonly (string, NormKind)[] HeadNorms = [("rms", NormKind.Rms), ("layer", NormKind.Layer)];

    /// <summary>The published width of a gated feed-forward: m ⌈⌊2/3 multiple · H⌋ / m⌉; 0 for what is no width.</summary>
    public static int RoundedWidth(int hiddenSize, double multiple, int multipleOf)
    {
        var width = multipleOf * Math.Ceiling(Math.Floor(hiddenSize * multiple * 2 / 3) / multipleOf);
        return width is >= 1 and <= int.MaxValue ? (int)width : 0;
    }

    /// <summary>floor(multiple · width); 0 for what is no width.</summary>
    public static int Expanded(int width, double multiple)
    {
        var expanded = Math.Floor(width * multiple);
        return expanded is >= 1 and <= int.MaxValue ? (int)expanded : 0;
    }

    public static void RoundedFeedForward(this OptionProblems problems, int hiddenSize, double multiple, int multipleOf, int? inner)
    {
        problems.Size("ffn_multiple_of", multipleOf);
        problems.Size("ffn_inner_size", inner);
        problems.When(
            inner is null && hiddenSize >= 1 && multipleOf >= 1 && RoundedWidth(hiddenSize, multiple, multipleOf) < 1,
            FormattableString.Invariant($"ffn_mult {multiple} times hidden_size {hiddenSize} gives no inner width of at least 1"));
    }

    /// <summary>A width must be at least 1 and divide into the heads.</summary>
    public static void HeadsOf(this OptionProblems problems, string name, int width, int heads)
    {
        problems.When(width < 1, $"{name} gives no width of at least 1");
        problems.When(width >= 1 && heads >= 1 && width % heads != 0, $"{name} gives the width {width}, which is not divisible by num_heads {heads}");
    }

    public static void Chunks(this OptionProblems problems, int chunk, int? subChunk = null)
    {
        problems.Size("chunk_size", chunk);
        problems.Size("sub_chunk_size", subChunk);
    }
}
