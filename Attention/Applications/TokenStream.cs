using Edifice.Engine;

namespace Edifice.Attention;

/// <summary>A <see cref="LanguageModel"/> reading tokens as they come: through its block's streaming state or, where the block
/// has none, by reading its last tokens anew. Nothing is recorded on the tape.</summary>
public sealed class TokenStream : IDisposable
{
    private readonly LanguageModel _model;
    private readonly int _batch, _contextLength;
    private readonly StreamState? _state;
    private Tensor? _context;

    internal TokenStream(LanguageModel model, int batch, int contextLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(contextLength, 1);
        if (model.IsTraining) throw new InvalidOperationException("the model is training and would drop out: call Eval() before it reads token by token");
        (_model, _batch, _contextLength) = (model, batch, contextLength);
        if (model.Block.CanStream) _state = model.Block.InitialState(batch);
    }

    private TokenStream(TokenStream other)
    {
        (_model, _batch, _contextLength) = (other._model, other._batch, other._contextLength);
        _state = other._state?.Clone();
        if (other._context is { } context) _context = StateMemory.Own(context.Clone());
        Time = other.Time;
    }

    /// <summary>The block's state; null when it does not stream.</summary>
    public StreamState? State => _state;

    /// <summary>The model that reads.</summary>
    public LanguageModel Model => _model;

    /// <summary>How many sequences it reads side by side.</summary>
    public int Batch => _batch;

    /// <summary>How many tokens of each sequence it has read.</summary>
    public long Time { get; private set; }

    /// <summary>An independent copy: reading on with one does not touch the other.</summary>
    public TokenStream Clone() => new(this);

    /// <summary>Starts all sequences anew.</summary>
    public void Reset()
    {
        _state?.Reset();
        _context?.Dispose();
        _context = null;
        Time = 0;
    }

    /// <summary>Reads the next tokens of each sequence.</summary>
    /// <param name="tokens">int64 [B, n], n at least 1.</param>
    /// <returns>Scores of what follows the last of them, [B, V].</returns>
    public Tensor Read(Tensor tokens)
    {
        using var off = Tensor.NoGrad();
        using var scope = Tensor.Scope();
        return scope.Keep(_model.Score(Advance(tokens)));
    }

    /// <summary>Reads the next tokens of each sequence.</summary>
    /// <param name="tokens">int64 [B, n], n at least 1.</param>
    /// <returns>The hidden state of the last of them, [B, H]: what <see cref="Read"/> scores.</returns>
    public Tensor ReadHidden(Tensor tokens)
    {
        using var off = Tensor.NoGrad();
        using var scope = Tensor.Scope();
        return scope.Keep(Advance(tokens).Clone());
    }

    /// <summary>Returns the memory of the state.</summary>
    public void Dispose()
    {
        _state?.Dispose();
        _context?.Dispose();
    }

    private Tensor Advance(Tensor tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.Rank != 2 || tokens.Size(0) != _batch || tokens.Size(1) == 0) throw TensorException.For("Read", $"needs tokens [{_batch}, n], n at least 1", tokens);
        var local = tokens.To(_model.Block.Device);
        Tensor hidden;
        if (_state is not null)
        {
            hidden = _model.Block.Prefill(_model.Embedding.Forward(local, _state.Time), _state);
        }
        else
        {
            var all = _context is null ? local : Tensor.Cat([_context, local], 1);
            if (all.Size(1) > _contextLength) all = all.Narrow(1, all.Size(1) - _contextLength, _contextLength);
            var before = _context;
            _context = StateMemory.Own(all.Clone());
            before?.Dispose();
            hidden = _model.Block.ForwardSequence(_model.Embedding.Forward(all));
        }

        Time += tokens.Size(1);
        return hidden.Select(1, -1);
    }
}
