namespace Edifice.Engine.Autograd;

/// <summary>An op of the user's own: forward in any way, backward by rule.</summary>
/// <remarks>Write <see cref="Backward"/> in tensor ops and gradients of gradients work; what it needs goes through
/// <see cref="Save"/>, so that in-place writes are noticed and memory is freed with the graph. One instance serves one call.</remarks>
public abstract class CustomFunction
{
    private Tensor[] _toSave = [];

    /// <summary>The function whose rule runs on this thread, and its place in the pass.</summary>
    [ThreadStatic] private static (CustomFunction Function, BackwardStep Step)? s_running;

    /// <summary>Computes the outputs; nothing inside is recorded.</summary>
    protected abstract Tensor[] Forward(Tensor[] inputs);

    /// <summary>Cotangents of the inputs (null: none) from those of the outputs (null: the loss does not depend on it).</summary>
    protected abstract Tensor?[] Backward(Tensor?[] cotangents);

    /// <summary>Keeps tensors for <see cref="Backward"/>; call it in <see cref="Forward"/>.</summary>
    protected void Save(params Tensor[] tensors) => _toSave = tensors;

    /// <summary>A kept tensor, inside <see cref="Backward"/>.</summary>
    protected Tensor Saved(int index) => Step("Saved").Saved(index);

    /// <summary>True when the gradient of an input is wanted, inside <see cref="Backward"/>.</summary>
    protected bool Needs(int index) => Step("Needs").Needs(index);

    private BackwardStep Step(string what) => s_running is { } running && ReferenceEquals(running.Function, this)
        ? running.Step
        : throw new AutogradException($"{GetType().Name}: {what} is for Backward");

    /// <summary>Runs the function and records it.</summary>
    public Tensor[] Apply(params Tensor[] inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        Tensor[] outputs;
        using (GradMode.Off()) outputs = Forward(inputs);
        // An output that is an input, a captured parameter or another output needs a place of its own in the graph.
        for (var i = 0; i < outputs.Length; i++)
            if (outputs[i].Record is not null || Array.IndexOf(inputs, outputs[i]) >= 0 || Array.IndexOf(outputs, outputs[i]) < i)
                outputs[i] = outputs[i].Detach();
        Tape.RecordMany(GetType().Name, outputs, inputs, _toSave, (step, g) =>
        {
            var outer = s_running;
            s_running = (this, step);
            try
            {
                return Backward(g);
            }
            finally
            {
                s_running = outer;
            }
        });
        // From here on the graph alone holds them, so that they go when it does.
        _toSave = [];
        return outputs;
    }
}
