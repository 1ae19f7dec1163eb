using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>A sequence model: an input [B, L, E] becomes hidden states [B, L, H] and an output [B, H].</summary>
/// <remarks>
/// <para>A causal block with a recurrent form also runs on a stream, position by position or in pieces of any lengths, with
/// the same weights and to rounding the same results:</para>
/// <code>
/// using var off = Tensor.NoGrad();
/// var state = block.InitialState(batch);
/// var prompt = block.Prefill(x, state);        // [B, L, H]
/// var next = block.Step(token, state);         // [B, H]
/// </code>
/// <para>Outside <see cref="Tensor.NoGrad"/> a stream is recorded like everything else: gradients flow through the state, and
/// the graph grows with every step.</para>
/// </remarks>
public abstract class SequenceBlock : Module
{
    private StatePlan? _plan;

    /// <summary>Checks and keeps the options; called before anything is built from them.</summary>
    /// <exception cref="OptionException">They are wrong.</exception>
    protected SequenceBlock(BlockOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Options = options;
    }

    /// <summary>The options it was built with.</summary>
    public BlockOptions Options { get; }

    /// <summary>E.</summary>
    public int EmbedDim => Options.EmbedDim;

    /// <summary>H.</summary>
    public int HiddenSize => Options.HiddenSize;

    /// <summary>True when a hidden state depends on inputs up to its own position only.</summary>
    public abstract bool IsCausal { get; }

    /// <summary>Why the block does not run on a stream; null: it does.</summary>
    public abstract string? StreamingObstacle { get; }

    /// <summary>True when <see cref="Step"/> and <see cref="Prefill"/> work.</summary>
    public bool CanStream => StreamingObstacle is null;

    /// <summary>True when <see cref="ForwardSequence"/> gives one hidden state per position; false when it gives something
    /// else (the latents of a Perceiver).</summary>
    public virtual bool KeepsPositions => true;

    /// <summary>True when a batch row's result depends on the other rows too (published variants that share a maximum over
    /// the whole tensor).</summary>
    public virtual bool MixesBatch => false;

    /// <summary>Names of the <see cref="SequenceInputs"/> it takes.</summary>
    public virtual IReadOnlyList<string> Takes => [];

    /// <summary>The hidden states of a whole sequence.</summary>
    /// <param name="x">[B, L, E], L at least 1.</param>
    /// <param name="inputs">What the block takes beside it; null: nothing.</param>
    /// <returns>[B, L, H], where <see cref="KeepsPositions"/>.</returns>
    /// <exception cref="TensorException">Another shape, or an input that the block does not take.</exception>
    public Tensor ForwardSequence(Tensor x, SequenceInputs? inputs = null)
    {
        CheckSequence("ForwardSequence", x);
        return Run(x, new Pass(x, Checked(x, inputs), null));
    }

    /// <summary>The output of a whole sequence: the last position's hidden state, or what the block pools its states to.</summary>
    /// <param name="x">[B, L, E], L at least 1.</param>
    /// <param name="inputs">What the block takes beside it; null: nothing.</param>
    /// <returns>[B, H].</returns>
    /// <exception cref="TensorException">As for <see cref="ForwardSequence"/>.</exception>
    public Tensor Forward(Tensor x, SequenceInputs? inputs = null) => Pool(ForwardSequence(x, inputs));

    /// <summary>The state before the first position of a stream.</summary>
    /// <param name="batch">How many streams run side by side, at least 1.</param>
    /// <exception cref="TensorException">The block has no streaming form; the message says why.</exception>
    public StreamState InitialState(int batch)
    {
        ThrowIfNotStreaming("InitialState");
        return StreamState.Begin(Plan, batch, DType, Device);
    }

    /// <summary>A state saved by <see cref="StreamState.Save"/> or taken from <see cref="StreamState.Tensors"/>, in memory of
    /// its own and in this block's dtype and device.</summary>
    /// <exception cref="TensorException">No streaming form, or tensors that do not fit this block.</exception>
    public StreamState StateFrom(IReadOnlyDictionary<string, Tensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ThrowIfNotStreaming("StateFrom");
        return StreamState.From(Plan, tensors, DType, Device);
    }

    /// <summary>The next position of a stream.</summary>
    /// <param name="x">[B, E].</param>
    /// <param name="state">Moved on in place.</param>
    /// <param name="inputs">What the block takes beside it, of length 1; null: nothing.</param>
    /// <returns>Its hidden state [B, H].</returns>
    /// <exception cref="TensorException">No streaming form, another shape, or a state of another batch or block.</exception>
    public Tensor Step(Tensor x, StreamState state, SequenceInputs? inputs = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Rank != 2) throw TensorException.For("Step", $"needs x [B, {EmbedDim}]: one position; use Prefill for several", x);
        return Continue("Step", x.Unsqueeze(1), state, inputs).Squeeze(1);
    }

    /// <summary>The next positions of a stream, on a fresh state or in the middle.</summary>
    /// <param name="x">[B, n, E], n at least 1.</param>
    /// <param name="state">Moved on in place.</param>
    /// <param name="inputs">What the block takes beside it; null: nothing.</param>
    /// <returns>Their hidden states [B, n, H].</returns>
    /// <exception cref="TensorException">As for <see cref="Step"/>.</exception>
    public Tensor Prefill(Tensor x, StreamState state, SequenceInputs? inputs = null) => Continue("Prefill", x, state, inputs);

    /// <summary>Maps a piece of a sequence.</summary>
    /// <param name="x">[B, L, E].</param>
    /// <param name="pass">The piece's place, its side inputs and its state.</param>
    protected abstract Tensor Run(Tensor x, Pass pass);

    /// <summary>The output [B, H] of what <see cref="ForwardSequence"/> gives.</summary>
    protected virtual Tensor Pool(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        return hidden.Select(1, -1);
    }

    /// <summary>The slots of all sublayers in their order; asked for once.</summary>
    private protected virtual StatePlan PlanState() => new([]);

    /// <summary>The element type of the parameters.</summary>
    public DType DType => NamedState().First(s => s.State is Parameter).State.DType;

    /// <summary>Where the parameters live.</summary>
    public Device Device => NamedState().First(s => s.State is Parameter).State.Device;

    private StatePlan Plan => _plan ??= PlanState();

    private Tensor Continue(string op, Tensor x, StreamState state, SequenceInputs? inputs)
    {
        ArgumentNullException.ThrowIfNull(state);
        ThrowIfNotStreaming(op);
        CheckSequence(op, x);
        if (!state.Fits(Plan)) throw new TensorException($"{op}: the state belongs to a block with other options");
        if (state.Batch != x.Size(0)) throw TensorException.For(op, $"the state holds {state.Batch} streams, the input {x.Size(0)}", x);
        var given = Checked(x, inputs);
        var sinceReset = SinceReset(given.Reset);
        state.Enter();
        var y = Run(x, new Pass(x, given, state));
        state.MoveOn(x.Size(1), sinceReset);
        return y;
    }

    private void ThrowIfNotStreaming(string op)
    {
        if (StreamingObstacle is { } reason) throw new TensorException($"{op}: {Options.Block} does not stream: {reason}");
    }

    private void CheckSequence(string op, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Rank != 3 || x.Size(2) != EmbedDim) throw TensorException.For(op, $"{Options.Block} needs x [B, L, {EmbedDim}]", x);
        if (x.Size(0) == 0 || x.Size(1) == 0) throw TensorException.For(op, "an empty batch or sequence has no output: B and L must be at least 1", x);
    }

    private SequenceInputs Checked(Tensor x, SequenceInputs? inputs)
    {
        if (inputs is null) return SequenceInputs.None;
        foreach (var (name, value) in inputs.Given)
        {
            if (!Takes.Contains(name))
                throw new TensorException($"{Options.Block} takes no {name}{(Takes.Count == 0 ? "" : $", only {string.Join(", ", Takes)}")}");
            if (value.DType != DType.Bool || value.Rank != 2 || value.Size(0) != x.Size(0) || value.Size(1) != x.Size(1))
                throw TensorException.For(Options.Block, $"{name} must be Bool [{x.Size(0)}, {x.Size(1)}], one truth value per position", x, value);
        }

        return inputs;
    }

    /// <summary>Per row, the number of positions from the last true entry on; null where there is none.</summary>
    private static int?[]? SinceReset(Tensor? reset)
    {
        if (reset is null) return null;
        using var off = Tensor.NoGrad();
        int batch = reset.Size(0), length = reset.Size(1);
        var marks = reset.To(Device.Cpu).ToArray<bool>();
        var since = new int?[batch];
        for (var b = 0; b < batch; b++)
            if (marks.AsSpan(b * length, length).LastIndexOf(true) is >= 0 and var last) since[b] = length - last;
        return since;
    }
}
