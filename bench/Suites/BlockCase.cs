using Edifice.Attention;
using Edifice.Bench.Libtorch;
using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Bench.Suites;

/// <summary>A block as it is measured: the options under which both engines do the same mathematics, each in its fastest mode.</summary>
/// <param name="Name">In the rows.</param>
/// <param name="Block">In the registry.</param>
/// <param name="More">Options beside the common ones, as members of a JSON object.</param>
/// <param name="Twin">The block in libtorch's operations; null: not written.</param>
internal sealed record BlockCase(string Name, string Block, string More, Func<SequenceBlock, Formulation>? Twin)
{
    /// <summary>E and H.</summary>
    public const int Width = 256;

    /// <summary>All blocks.</summary>
    public static IReadOnlyList<BlockCase> All { get; } =
    [
        Of("multihead", b => new MultiHeadFormulation((MultiHead)b)),
        Of("gqa", b => new GqaFormulation((Gqa)b)),
        Of("perceiver", b => new PerceiverFormulation((Perceiver)b)),
        Of("fnet", b => new FNetFormulation((FNet)b)),
        Of("linear_transformer", b => new LinearTransformerFormulation((LinearTransformer)b)),
        Of("nystromformer", b => new NystromformerFormulation((Nystromformer)b)),
        Of("performer", b => new PerformerFormulation((Performer)b)),
        Of("retnet", b => new RetNetFormulation((RetNet)b), """, "mode": "chunkwise" """),
        Of("rwkv", b => new RwkvFormulation((Rwkv)b), """, "mode": "chunkwise" """),
        Of("gla", b => new GlaFormulation((Gla)b), """, "mode": "chunkwise" """),
        Of("hgrn", b => new HgrnFormulation((Hgrn)b), """, "mode": "chunkwise" """),
        // Two recurrent layers, then one of attention: with two layers it would be hawk.
        Of("griffin", b => new GriffinFormulation((Griffin)b), "", 3),
        Of("hawk", b => new GriffinFormulation((Griffin)b)),
    ];

    /// <summary>True for the blocks whose state does not grow with the stream: those with caches of keys only are none of them.</summary>
    public bool IsRecurrent => Block is "linear_transformer" or "performer" or "retnet" or "rwkv" or "gla" or "hgrn" or "griffin" or "hawk";

    /// <summary>The block with random parameters: those that begin at zero would hide parts of it.</summary>
    /// <param name="width">E and H.</param>
    public SequenceBlock Build(int width = Width)
    {
        var random = new Generator(11);
        var json = $$"""{"embed_dim": {{width}}, "hidden_size": {{width}}, "dropout": 0{{More}}}""";
        var block = Blocks.Build(Block, json, new ParameterOptions { Generator = random });
        using var scope = Tensor.Scope();
        foreach (var p in block.Parameters()) p.Set(p.Value.Detach() + 0.02 * Tensor.Randn(p.Shape.AsSpan(), generator: random));
        return block;
    }

    /// <summary>An input [B, L, E] and a target for what the block makes of it.</summary>
    public (Tensor Input, Tensor Target) Data(SequenceBlock block, int batch, int length)
    {
        var random = new Generator(12);
        var x = Tensor.Randn([batch, length, Width], generator: random);
        using var off = Tensor.NoGrad();
        using var scope = Tensor.Scope();
        return (x, scope.Keep(Tensor.Randn(block.ForwardSequence(x).Shape.AsSpan(), generator: random)));
    }

    private static BlockCase Of(string block, Func<SequenceBlock, Formulation>? twin = null, string more = "", int layers = 2) =>
        new(layers == 2 ? block : $"{block} ({layers} layers)", block, $""", "num_layers": {layers}{more}""", twin);
}
