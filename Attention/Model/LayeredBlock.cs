using Edifice.Engine;
using Edifice.Engine.Autograd;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>The model that most blocks share: a projection of the input where its width differs, a stack of
/// <see cref="ResidualLayer"/>s and a final norm.</summary>
/// <remarks>Members: <c>input_proj</c> (only when E ≠ H; with bias), <c>layers.{i}</c>, <c>final_norm</c>.</remarks>
public abstract class LayeredBlock : SequenceBlock
{
    private readonly Linear? _inputProjection;
    private readonly ModuleList<ResidualLayer> _layers;
    private readonly Norm? _finalNorm;

    /// <summary>Builds the model.</summary>
    /// <param name="options">Checked first.</param>
    /// <param name="parameters">Dtype, device and random stream; null: the defaults.</param>
    /// <param name="inputInit">How <c>input_proj</c> begins.</param>
    /// <param name="layer">Makes layer i.</param>
    /// <param name="finalNorm">Makes the final norm; null: there is none.</param>
    /// <exception cref="OptionException">The options are wrong.</exception>
    protected LayeredBlock(
        BlockOptions options, ParameterOptions? parameters, LinearInit inputInit, Func<int, ResidualLayer> layer, Func<Norm>? finalNorm)
        : base(options)
    {
        ArgumentNullException.ThrowIfNull(layer);
        if (EmbedDim != HiddenSize)
            _inputProjection = Register("input_proj", new Linear(EmbedDim, HiddenSize, init: inputInit, options: parameters));
        _layers = Register("layers", new ModuleList<ResidualLayer>());
        for (var i = 0; i < options.NumLayers; i++) _layers.Add(layer(i));
        if (finalNorm is not null) _finalNorm = Register("final_norm", finalNorm());
    }

    /// <summary>The layers.</summary>
    public IReadOnlyList<ResidualLayer> Layers => _layers;

    /// <summary>Trades time for memory in training: a whole sequence's layers keep only their inputs, and the backward pass runs
    /// each layer once more (Chen et al. 2016).</summary>
    public bool Checkpointing { get; set; }

    /// <inheritdoc/>
    public override bool IsCausal => Sublayers.All(s => s is null or { IsCausal: true });

    /// <inheritdoc/>
    public override string? StreamingObstacle => Sublayers.Select(s => s?.StreamingObstacle).FirstOrDefault(reason => reason is not null);

    /// <inheritdoc/>
    public override bool MixesBatch => Sublayers.Any(s => s is { MixesBatch: true });

    /// <summary>Mixer and stateful feed-forward (null: without memory) of each layer, in turn.</summary>
    private IEnumerable<Sublayer?> Sublayers => _layers.SelectMany(l => (Sublayer?[])[l.Mixer, l.StatefulFeedForward]);

    /// <summary>Called at the start of every pass, with the projected input: what the first layer reads. A block may change
    /// it, or put into <see cref="Pass.Shared"/> what its layers need.</summary>
    protected virtual Tensor Begin(Tensor x, Pass pass) => x;

    /// <inheritdoc/>
    protected sealed override Tensor Run(Tensor x, Pass pass)
    {
        var h = Begin(_inputProjection?.Forward(x) ?? x, pass);
        for (var i = 0; i < _layers.Count; i++)
        {
            var (layer, mixer, ffn, input) = (_layers[i], pass.State(2 * i), pass.State(2 * i + 1), h);
            h = Checkpointing && IsTraining && !pass.IsStreaming && GradMode.IsOn
                ? Gradients.Checkpoint(() => layer.Forward(input, pass, mixer, ffn))
                : layer.Forward(input, pass, mixer, ffn);
        }

        return _finalNorm?.Forward(h) ?? h;
    }

    private protected sealed override StatePlan PlanState() => new(
        [.. Sublayers.Select((s, i) => ($"layers.{i / 2}.{(i % 2 == 0 ? "mixer" : "ffn")}", s?.StateSlots ?? []))]);
}
