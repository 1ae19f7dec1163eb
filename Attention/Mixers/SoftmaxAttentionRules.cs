namespace Edifice.Attention;

/// <summary>What options of softmax attention have in common when they are checked.</summary>
internal static class SoftmaxAttentionRules
{
    /// <summary>Heads that share H: the block has no <c>head_dim</c>.</summary>
    public static void Heads(this OptionProblems problems, int hiddenSize, int heads)
    {
        problems.Size("num_heads", heads);
        problems.Divides("num_heads", heads, "hidden_size", hiddenSize, ": choose another number of heads");
    }

    /// <summary>Heads that share H, unless <c>head_dim</c> gives their width.</summary>
    public static void Heads(this OptionProblems problems, int hiddenSize, int heads, int? headWidth)
    {
        problems.Size("num_heads", heads);
        problems.Size("head_dim", headWidth);
        if (headWidth is null) problems.Divides("num_heads", heads, "hidden_size", hiddenSize, ": choose another number of heads or give head_dim");
    }

    public static void Window(this OptionProblems problems, int? window, bool causal)
    {
        problems.Size("window_size", window);
        problems.When(window is not null && !causal, "window_size needs causal = true: a window counts back from a position");
    }

    public static void Rotation(this OptionProblems problems, bool used, double @base, int headWidth)
    {
        problems.Above("rope_base", @base, 1);
        problems.When(used && headWidth % 2 != 0, $"a rotary embedding pairs channels, and the head width {headWidth} is odd: give an even head_dim");
    }
}
