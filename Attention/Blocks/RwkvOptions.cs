using Edifice.Engine;

namespace Edifice.Attention;

/// <summary>The feed-forward of RWKV.</summary>
public enum ChannelMix
{
    /// <summary>With the receptance gate of RWKV-4 to 6.</summary>
    Gated,

    /// <summary>As published with RWKV-7: squared ReLU, no gate.</summary>
    SquaredRelu,
}

/// <summary>Options of <see cref="Rwkv"/>.</summary>
public sealed record RwkvOptions() : BlockOptions("rwkv", numLayers: 6, dropout: 0.1)
{
    /// <summary>d; H / d heads.</summary>
    public int HeadSize { get; init; } = 64;

    /// <summary>The feed-forward.</summary>
    public ChannelMix ChannelMix { get; init; }

    /// <summary>Its inner width is FfnMult · H.</summary>
    public int FfnMult { get; init; } = 4;

    /// <summary>Layer norm on the input of layer 0.</summary>
    public bool Ln0 { get; init; } = true;

    /// <summary>Rank of the decay's low-rank part; null: by the published rule.</summary>
    public int? DecayLoraDim { get; init; }

    /// <summary>Rank of the learning rate's.</summary>
    public int? ALoraDim { get; init; }

    /// <summary>Rank of the value residual's.</summary>
    public int? VLoraDim { get; init; }

    /// <summary>Rank of the gate's.</summary>
    public int? GateLoraDim { get; init; }

    /// <summary>eps of the norm of each head's output; null: head size times 1e-5.</summary>
    public double? GroupNormEps { get; init; }

    /// <summary>How WKV-7 is computed.</summary>
    public RecurrenceMode Mode { get; init; }

    /// <summary>Rows per chunk in chunkwise mode.</summary>
    public int ChunkSize { get; init; } = 64;

    internal int Heads => HiddenSize / HeadSize;

    internal int DecayRank => DecayLoraDim ?? Rank(2.5);

    internal int ARank => ALoraDim ?? Rank(2.5);

    internal int VRank => VLoraDim ?? Rank(1.7);

    internal int GateRank => GateLoraDim ?? Rank(5);

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<RwkvOptions> Rows { get; } = OptionTable.For(new RwkvOptions { EmbedDim = 0 })
        .Int("head_size", "head width; hidden_size / head_size heads", o => o.HeadSize, (o, v) => o with { HeadSize = v })
        .Choice("channel_mix", "the feed-forward: with a receptance gate, or as published with RWKV-7", [("gated", ChannelMix.Gated), ("squared_relu", ChannelMix.SquaredRelu)], o => o.ChannelMix, (o, v) => o with { ChannelMix = v })
        .FfnMult(o => o.FfnMult, (o, v) => o with { FfnMult = v })
        .Bool("ln0", "layer norm on the input of layer 0", o => o.Ln0, (o, v) => o with { Ln0 = v })
        .IntOrNull("decay_lora_dim", "rank of the decay's low-rank part; null: by hidden_size", o => o.DecayLoraDim, (o, v) => o with { DecayLoraDim = v })
        .IntOrNull("a_lora_dim", "rank of the learning rate's", o => o.ALoraDim, (o, v) => o with { ALoraDim = v })
        .IntOrNull("v_lora_dim", "rank of the value residual's", o => o.VLoraDim, (o, v) => o with { VLoraDim = v })
        .IntOrNull("gate_lora_dim", "rank of the gate's", o => o.GateLoraDim, (o, v) => o with { GateLoraDim = v })
        .NumberOrNull("group_norm_eps", "eps of the norm of each head's output; null: head_size times 1e-5", o => o.GroupNormEps, (o, v) => o with { GroupNormEps = v })
        .Choice("mode", "how to compute, never what", RecurrenceRules.LinearModes, o => o.Mode, (o, v) => o with { Mode = v })
        .ChunkSize(o => o.ChunkSize, (o, v) => o with { ChunkSize = v });

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Size("head_size", HeadSize);
        problems.Divides("head_size", HeadSize, "hidden_size", HiddenSize);
        problems.Known("channel_mix", ChannelMix);
        problems.Size("ffn_mult", FfnMult);
        problems.Size("decay_lora_dim", DecayLoraDim);
        problems.Size("a_lora_dim", ALoraDim);
        problems.Size("v_lora_dim", VLoraDim);
        problems.Size("gate_lora_dim", GateLoraDim);
        problems.Above("group_norm_eps", GroupNormEps, 0);
        problems.When(Mode is not (RecurrenceMode.Recurrent or RecurrenceMode.Chunkwise), $"mode must be recurrent or chunkwise, got {Mode}");
        problems.Chunks(ChunkSize);
    }

    /// <summary>The published rule: max(32, 32 round(c √H / 32)), halves to even.</summary>
    private int Rank(double c) => Math.Max(32, 32 * (int)Math.Round(c * Math.Sqrt(HiddenSize) / 32, MidpointRounding.ToEven));
}
