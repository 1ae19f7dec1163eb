namespace Edifice.Engine.Autograd;

/// <summary>Gradients as values, and memory traded for time.</summary>
public static class Gradients
{
    /// <summary>∂ Σ outputs · cotangents / ∂ inputs, without touching any leaf's <see cref="Tensor.Grad"/>. Several threads may
    /// ask one graph at once while all keep it.</summary>
    /// <param name="outputs">Tensors on the tape.</param>
    /// <param name="inputs">Leaves or inner tensors.</param>
    /// <param name="cotangents">One per output; null: all ones for one-element outputs.</param>
    /// <param name="retainGraph">Keep what the graph saved; default: as <paramref name="createGraph"/>.</param>
    /// <param name="createGraph">Record the pass, so that the gradients can be differentiated again.</param>
    /// <param name="allowUnused">Give null for an input the outputs do not depend on instead of refusing.</param>
    public static Tensor?[] Of(
        Tensor[] outputs, Tensor[] inputs, Tensor?[]? cotangents = null, bool? retainGraph = null, bool createGraph = false, bool allowUnused = false)
    {
        ArgumentNullException.ThrowIfNull(outputs);
        ArgumentNullException.ThrowIfNull(inputs);
        if (cotangents is not null && cotangents.Length != outputs.Length)
            throw new TensorException($"Gradients.Of: {cotangents.Length} cotangents for {outputs.Length} outputs");
        var found = BackwardPass.Grad(outputs, inputs, cotangents ?? new Tensor?[outputs.Length], retainGraph ?? createGraph, createGraph);
        if (!allowUnused)
            for (var i = 0; i < found.Length; i++)
                if (found[i] is null)
                    throw TensorException.For("Gradients.Of", $"the outputs do not depend on input {i}: pass allowUnused: true to get null for it", inputs[i]);
        return found;
    }

    /// <summary>The gradient of one output by one input.</summary>
    public static Tensor Of(Tensor output, Tensor input, Tensor? cotangent = null, bool createGraph = false) =>
        Of([output], [input], [cotangent], createGraph: createGraph)[0]!;

    /// <summary>Runs a region without keeping its intermediate values; the backward pass runs it once more when it first needs one
    /// (Chen et al. 2016). Gradients, also of captured parameters and of second order, are as without. Random numbers
    /// repeat.</summary>
    /// <param name="region">Must do the same each time it runs.</param>
    public static Tensor Checkpoint(Func<Tensor> region)
    {
        ArgumentNullException.ThrowIfNull(region);
        return CheckpointFrame.Run(() => [region()])[0];
    }

    /// <summary>As <see cref="Checkpoint(Func{Tensor})"/> for several results.</summary>
    public static Tensor[] Checkpoint(Func<Tensor[]> region)
    {
        ArgumentNullException.ThrowIfNull(region);
        return CheckpointFrame.Run(region);
    }
}
