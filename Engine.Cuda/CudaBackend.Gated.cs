using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Gated(Activation activation, Tensor gate, Tensor up, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(gate);
        ArgumentNullException.ThrowIfNull(up);
        ArgumentNullException.ThrowIfNull(y);
        var arguments = new KernelArguments();
        arguments.Add(gate);
        arguments.Add(up);
        arguments.Add(y);
        LaunchGated($"gated_{KindOf(activation, gate)}", y, ref arguments, ByFours(y.Count, gate, up, y));
    }

    /// <inheritdoc/>
    public void GatedVjp(Activation activation, Tensor g, Tensor gate, Tensor up, Tensor dgate, Tensor dup)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(gate);
        var arguments = new KernelArguments();
        arguments.Add(g);
        arguments.Add(gate);
        arguments.Add(up);
        arguments.Add(dgate);
        arguments.Add(dup);
        LaunchGated($"gated_vjp_{KindOf(activation, gate)}", g, ref arguments, ByFours(g.Count, g, gate, up, dgate, dup));
    }

    private void LaunchGated(string kernel, Tensor like, ref KernelArguments arguments, bool vector)
    {
        if (like.Count == 0) return;
        if (!like.DType.IsComputeFloat())
            throw TensorException.For("gated", "there is no kernel for this dtype: convert with .To(DType.Float32) first", like);
        arguments.Add((ulong)like.Count);
        arguments.Add(vector ? 1U : 0U);
        Launch("gated", like.DType, kernel, new LaunchShape((uint)((like.Count + 4 * RowBlock - 1) / (4 * RowBlock)), 1, 1, RowBlock, 1, 1, 0), arguments);
    }

    /// <summary>The end of a kernel's name.</summary>
    private static string KindOf(Activation activation, Tensor gate) => activation switch
    {
        Activation.None => "none",
        Activation.Relu => "relu",
        Activation.Gelu => "gelu",
        Activation.GeluTanh => "gelu_tanh",
        Activation.Silu => "silu",
        Activation.Sigmoid => "sigmoid",
        Activation.Tanh => "tanh",
        _ => throw TensorException.For("gated", $"there is no kernel for the activation {activation}", gate),
    };
}
