using Edifice.Engine.Backends;

namespace Edifice.Attention;

/// <summary>Rows that several blocks have, each under one name and with one meaning.</summary>
internal static class CommonRows
{
    public static OptionTable<T> HeadDim<T>(this OptionTable<T> table, Func<T, int?> get, Func<T, int?, T> set) where T : BlockOptions =>
        table.IntOrNull("head_dim", "width of a head; null: hidden_size / num_heads", get, set);

    public static OptionTable<T> Bias<T>(this OptionTable<T> table, Func<T, bool> get, Func<T, bool, T> set) where T : BlockOptions =>
        table.Bool("bias", "biases on the mixer's projections", get, set);

    public static OptionTable<T> Causal<T>(this OptionTable<T> table, Func<T, bool> get, Func<T, bool, T> set) where T : BlockOptions =>
        table.Bool("causal", "a position sees those up to itself; false: all", get, set);

    public static OptionTable<T> WindowSize<T>(this OptionTable<T> table, Func<T, int?> get, Func<T, int?, T> set) where T : BlockOptions =>
        table.IntOrNull("window_size", "a position sees this many, itself included; null: no limit", get, set);

    public static OptionTable<T> RopeBase<T>(this OptionTable<T> table, Func<T, double> get, Func<T, double, T> set) where T : BlockOptions =>
        table.Number("rope_base", "base of the rotary frequencies", get, set);

    public static OptionTable<T> Norm<T>(this OptionTable<T> table, Func<T, NormKind> get, Func<T, NormKind, T> set) where T : BlockOptions =>
        table.Choice("norm", "the block's norms", Choices.Norms, get, set);

    public static OptionTable<T> Ffn<T>(this OptionTable<T> table, Func<T, FeedForwardKind> get, Func<T, FeedForwardKind, T> set)
        where T : BlockOptions => table.Choice("ffn", "the feed-forward", Choices.FeedForwards, get, set);

    /// <summary>A multiple with a fraction: <see cref="Choices.InnerWidth"/>.</summary>
    public static OptionTable<T> FfnMult<T>(this OptionTable<T> table, Func<T, double> get, Func<T, double, T> set) where T : BlockOptions =>
        table.Number("ffn_mult", "inner width of the feed-forward as a multiple of hidden_size, rounded", get, set);

    /// <summary>A whole multiple.</summary>
    public static OptionTable<T> FfnMult<T>(this OptionTable<T> table, Func<T, int> get, Func<T, int, T> set) where T : BlockOptions =>
        table.Int("ffn_mult", "inner width of the feed-forward as a multiple of hidden_size", get, set);

    /// <summary>The published rule of gated feed-forwards: <see cref="RecurrenceRules.RoundedWidth"/>.</summary>
    public static OptionTable<T> RoundedFfnMult<T>(this OptionTable<T> table, Func<T, double> get, Func<T, double, T> set) where T : BlockOptions =>
        table.Number("ffn_mult", "inner width of the gated feed-forward: 2/3 of this times hidden_size, rounded up", get, set);

    public static OptionTable<T> FfnMultipleOf<T>(this OptionTable<T> table, Func<T, int> get, Func<T, int, T> set) where T : BlockOptions =>
        table.Int("ffn_multiple_of", "to a multiple of this", get, set);

    public static OptionTable<T> FfnInnerSize<T>(this OptionTable<T> table, Func<T, int?> get, Func<T, int?, T> set) where T : BlockOptions =>
        table.IntOrNull("ffn_inner_size", "the inner width itself; null: by the rule", get, set);

    public static OptionTable<T> FfnAct<T>(this OptionTable<T> table, Func<T, Activation> get, Func<T, Activation, T> set) where T : BlockOptions =>
        table.Choice("ffn_act", "activation of the feed-forward", RecurrenceRules.Activations, get, set);

    public static OptionTable<T> GroupNorm<T>(this OptionTable<T> table, Func<T, NormKind> get, Func<T, NormKind, T> set) where T : BlockOptions =>
        table.Choice("group_norm", "norm of each head's output", RecurrenceRules.HeadNorms, get, set);

    public static OptionTable<T> GroupNormAffine<T>(this OptionTable<T> table, Func<T, bool> get, Func<T, bool, T> set) where T : BlockOptions =>
        table.Bool("group_norm_affine", "learned weight (and bias for layer) in it", get, set);

    public static OptionTable<T> GroupNormEps<T>(this OptionTable<T> table, Func<T, double> get, Func<T, double, T> set) where T : BlockOptions =>
        table.Number("group_norm_eps", "its eps", get, set);

    public static OptionTable<T> ChunkSize<T>(this OptionTable<T> table, Func<T, int> get, Func<T, int, T> set) where T : BlockOptions =>
        table.Int("chunk_size", "rows per chunk in chunkwise mode", get, set);

    public static OptionTable<T> SubChunkSize<T>(this OptionTable<T> table, Func<T, int> get, Func<T, int, T> set) where T : BlockOptions =>
        table.Int("sub_chunk_size", "rows per sub-chunk", get, set);
}
