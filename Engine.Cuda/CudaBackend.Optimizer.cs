using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    private const uint OptimizerThreads = 256;

    /// <inheritdoc/>
    public void OptimizerStep(OptimizerKernel kernel, in OptimizerSettings settings, Tensor parameter, Tensor gradient, double gradientScale, Tensor? state0, Tensor? state1, Tensor? state2)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        ArgumentNullException.ThrowIfNull(gradient);
        if (IsEmpty(parameter)) return;
        RefuseHuge("OptimizerStep", parameter);
        var s = settings;
        var arguments = new KernelArguments();
        arguments.Add(parameter);
        arguments.Add(gradient);
        switch (kernel)
        {
            case OptimizerKernel.Sgd:
                arguments.Add(s.Momentum != 0 ? state0 : null);
                arguments.Add((uint)parameter.Count);
                arguments.Add(s.Step == 1 ? 1u : 0);
                arguments.Add(s.Nesterov ? 1u : 0);
                AddScalars(ref arguments, parameter.DType, gradientScale, s.LearningRate, s.WeightDecay, s.Momentum, 1 - s.Dampening);
                break;
            case OptimizerKernel.Adam or OptimizerKernel.AdamW:
                var decoupled = kernel == OptimizerKernel.AdamW;
                arguments.Add(state0);
                arguments.Add(state1);
                arguments.Add(state2);
                arguments.Add((uint)parameter.Count);
                AddScalars(ref arguments, parameter.DType, gradientScale, s.LearningRate, decoupled ? 0 : s.WeightDecay,
                    decoupled ? s.LearningRate * s.WeightDecay : 0, s.Beta1, 1 - s.Beta1, s.Beta2, 1 - s.Beta2,
                    1 - Math.Pow(s.Beta1, s.Step), 1 - Math.Pow(s.Beta2, s.Step), s.Eps);
                break;
            case OptimizerKernel.Lion:
                arguments.Add(state0);
                arguments.Add((uint)parameter.Count);
                AddScalars(ref arguments, parameter.DType, gradientScale, s.LearningRate, s.WeightDecay, s.Beta1, 1 - s.Beta1, s.Beta2, 1 - s.Beta2);
                break;
            default:
                arguments.Add(state0);
                arguments.Add(state1);
                arguments.Add(state2);
                arguments.Add((uint)parameter.Count);
                AddScalars(ref arguments, parameter.DType, gradientScale, s.LearningRate, s.WeightDecay, s.Momentum, s.Beta2, 1 - s.Beta2, s.Eps);
                break;
        }

        var entry = kernel switch { OptimizerKernel.Sgd => "sgd", OptimizerKernel.Lion => "lion", OptimizerKernel.RmsProp => "rms_prop", _ => "adam" };
        LaunchThreads(Kernels.Get("optimizer", parameter.DType, entry), parameter.Count, OptimizerThreads, arguments);
    }

    private static void AddScalars(ref KernelArguments arguments, DType type, params ReadOnlySpan<double> values)
    {
        foreach (var value in values) arguments.AddScalar(type, value);
    }
}
