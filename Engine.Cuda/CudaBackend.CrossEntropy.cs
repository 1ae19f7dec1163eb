using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void CrossEntropy(Tensor logits, Tensor target, long ignoreIndex, double smoothing, Tensor loss, Tensor lse)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(target);
        if (logits.Count == 0) return;
        var arguments = new KernelArguments();
        arguments.Add(logits);
        arguments.Add(target);
        arguments.Add(loss);
        arguments.Add(lse);
        arguments.Add(ignoreIndex);
        arguments.AddScalar(logits.DType, smoothing);
        LaunchRows("cross_entropy", "cross_entropy", logits, ref arguments, ByFours(RowsOf(logits).Length, logits));
    }

    /// <inheritdoc/>
    public void CrossEntropyVjp(Tensor g, Tensor logits, Tensor target, Tensor lse, long ignoreIndex, double smoothing, Tensor dlogits)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(dlogits);
        if (logits.Count == 0) return;
        var arguments = new KernelArguments();
        arguments.Add(g);
        arguments.Add(logits);
        arguments.Add(target);
        arguments.Add(lse);
        arguments.Add(dlogits);
        arguments.Add(ignoreIndex);
        arguments.AddScalar(logits.DType, smoothing);
        LaunchRows("cross_entropy", "cross_entropy_vjp", logits, ref arguments, ByFours(RowsOf(logits).Length, logits, dlogits));
    }
}
