namespace Edifice.Attention;

/// <summary>How the recurrence's decay begins.</summary>
public enum LambdaInit
{
    /// <summary>a⁸ uniform on [0.9, 0.999], as the paper states.</summary>
    Paper,

    /// <summary>a on [0.9, 0.999] by area, as the published code does.</summary>
    Code,
}

/// <summary>Options of <see cref="Griffin"/> and, without attention, Hawk.</summary>
public sealed record GriffinOptions() : BlockOptions("griffin", numLayers: 6, dropout: 0)
{
    /// <summary>F / H, inner width of the feed-forward.</summary>
    public int ExpandFactor { get; init; } = 3;

    /// <summary>h: attention heads, and diagonal blocks of the recurrence's gates.</summary>
    public int NumHeads { get; init; } = 4;

    /// <summary>n, key-value heads.</summary>
    public int NumKvHeads { get; init; } = 1;

    /// <summary>W: a position sees itself and the W positions before it.</summary>
    public int LocalAttnWindow { get; init; } = 32;

    /// <summary>Every third layer attends; false: Hawk, every layer is recurrent.</summary>
    public bool UseLocalAttention { get; init; } = true;

    /// <summary>D, width of the recurrent branch; null: H.</summary>
    public int? LruWidth { get; init; }

    /// <summary>K, taps of the convolution.</summary>
    public int ConvWidth { get; init; } = 4;

    /// <summary>How the decay begins.</summary>
    public LambdaInit LambdaInit { get; init; }

    internal int RecurrentWidth => LruWidth ?? HiddenSize;

    internal int HeadWidth => HiddenSize / NumHeads;

    /// <summary>True when layer <paramref name="index"/> attends.</summary>
    internal bool Attends(int index) => UseLocalAttention && index % 3 == 2;

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<GriffinOptions> Rows { get; } = OptionTable.For(new GriffinOptions { EmbedDim = 0 })
        .Int("expand_factor", "inner width of the feed-forward as a multiple of hidden_size", o => o.ExpandFactor, (o, v) => o with { ExpandFactor = v })
        .Int("num_heads", "attention heads, and diagonal blocks of the recurrence's gates", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .Int("num_kv_heads", "key-value heads", o => o.NumKvHeads, (o, v) => o with { NumKvHeads = v })
        .Int("local_attn_window", "a position sees itself and this many before it", o => o.LocalAttnWindow, (o, v) => o with { LocalAttnWindow = v })
        .Bool("use_local_attention", "every third layer attends; false: every layer is recurrent (Hawk)", o => o.UseLocalAttention, (o, v) => o with { UseLocalAttention = v })
        .IntOrNull("lru_width", "width of the recurrent branch; null: hidden_size", o => o.LruWidth, (o, v) => o with { LruWidth = v })
        .Int("conv_width", "taps of the convolution", o => o.ConvWidth, (o, v) => o with { ConvWidth = v })
        .Choice("lambda_init", "how the decay begins: as the paper states or as the code does", [("paper", LambdaInit.Paper), ("code", LambdaInit.Code)], o => o.LambdaInit, (o, v) => o with { LambdaInit = v });

    /// <summary>The rows of Hawk: those of Griffin without attention's.</summary>
    public static OptionTable<GriffinOptions> HawkRows { get; } =
        Rows.Preset("hawk", o => o with { UseLocalAttention = false }, "use_local_attention", "num_kv_heads", "local_attn_window");

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Size("expand_factor", ExpandFactor);
        problems.Size("num_heads", NumHeads);
        problems.Divides("num_heads", NumHeads, "hidden_size", HiddenSize);
        problems.Size("lru_width", LruWidth);
        problems.Divides("num_heads", NumHeads, "lru_width", RecurrentWidth);
        problems.Size("conv_width", ConvWidth);
        problems.Known("lambda_init", LambdaInit);
        problems.Size("num_kv_heads", NumKvHeads);
        problems.Size("local_attn_window", LocalAttnWindow);
        if (!UseLocalAttention) return;
        problems.Divides("num_kv_heads", NumKvHeads, "num_heads", NumHeads);
        problems.When(
            NumHeads >= 1 && HiddenSize % NumHeads == 0 && HeadWidth % 4 != 0,
            $"half of each head's channels rotate in pairs, so hidden_size / num_heads must be divisible by 4, got {HiddenSize / Math.Max(1, NumHeads)}");
    }
}
