using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;

namespace Edifice.Engine;

public sealed partial class Tensor
{
    /// <summary>One step of an update rule on this tensor, in place and in one pass over memory. Not recorded; counts up the
    /// versions of the tensor's and the state's storage.</summary>
    /// <param name="kernel">The rule; it says which states it has.</param>
    /// <param name="settings">Its numbers; <see cref="OptimizerSettings.Step"/> counts from 1.</param>
    /// <param name="gradient">One shape, dtype and device with this tensor, any strides.</param>
    /// <param name="gradientScale">Multiplies the gradient first: a clipping factor.</param>
    /// <param name="state0">The rule's states: contiguous, of this tensor's shape, dtype and device, zeros at first.</param>
    /// <param name="state1">See <paramref name="state0"/>.</param>
    /// <param name="state2">See <paramref name="state0"/>.</param>
    /// <exception cref="TensorException">Shapes, dtypes or devices differ, a state the rule needs is missing, the tensor is
    /// a strided view or not Float32 or Float64.</exception>
    public void OptimizerStep(
        OptimizerKernel kernel, in OptimizerSettings settings, Tensor gradient, double gradientScale = 1,
        Tensor? state0 = null, Tensor? state1 = null, Tensor? state2 = null)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        if (!DType.IsComputeFloat())
            throw TensorException.For("optimizer", "only Float32 and Float64 parameters are updated: keep a Float32 copy of the others", this);
        if (!IsContiguous) throw TensorException.For("optimizer", "a strided view cannot be updated: update the tensor it is a view of", this);
        if (settings.Step < 1) throw TensorException.For("optimizer", $"steps count from 1, got {settings.Step}", this);
        if (!double.IsFinite(gradientScale)) throw TensorException.For("optimizer", $"the gradient's scale must be finite, got {gradientScale}", gradient);
        CheckUpdateOperand("the gradient", gradient);
        var (least, most) = kernel switch
        {
            OptimizerKernel.Sgd => (settings.Momentum == 0 ? 0 : 1, 1),
            OptimizerKernel.Adam or OptimizerKernel.AdamW => (2, 3),
            OptimizerKernel.Lion => (1, 1),
            OptimizerKernel.RmsProp => (settings.Momentum == 0 ? 1 : 2, 3),
            _ => throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "unknown update rule"),
        };
        CheckUpdateState(kernel, 0, state0, least, most);
        CheckUpdateState(kernel, 1, state1, least, most);
        CheckUpdateState(kernel, 2, state2, least, most);
        if (Count == 0) return;

        using var off = GradMode.Off();
        MarkWritten("optimizer");
        state0?.MarkWritten("optimizer");
        state1?.MarkWritten("optimizer");
        state2?.MarkWritten("optimizer");
        var dense = gradient.Contiguous();
        Backend.OptimizerStep(kernel, settings, this, dense, gradientScale, state0, state1, state2);
        if (!ReferenceEquals(dense, gradient)) dense.Dispose();
    }

    private void CheckUpdateOperand(string what, Tensor operand)
    {
        if (operand.Shape != Shape || operand.DType != DType || operand.Device != Device)
            throw TensorException.For("optimizer", $"{what} must have the parameter's shape, dtype and device", this, operand);
    }

    private void CheckUpdateState(OptimizerKernel kernel, int index, Tensor? state, int least, int most)
    {
        if (state is null)
        {
            if (index < least) throw TensorException.For("optimizer", $"{kernel} needs its state {index}", this);
            return;
        }

        if (index >= most) throw TensorException.For("optimizer", $"{kernel} has no state {index}", this, state);
        CheckUpdateOperand($"state {index}", state);
        if (!state.IsContiguous) throw TensorException.For("optimizer", $"state {index} must be contiguous", this, state);
    }
}
