using PtxEmulator.Execution;
using PtxEmulator.Isa;
using PtxEmulator.Parsing;

namespace PtxEmulator.Checks;

/// <summary>What the driver's compiler refuses before a kernel runs, and what it should: instructions that the module's version and
/// target lack, and registers that nobody writes.</summary>
internal static class ModuleCheck
{
    private static readonly int[] Targets = [30, 32, 35, 37, 50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90, 100, 103, 110, 120, 121];

    public static void Verify(PtxModule module)
    {
        if (module.Version is < 60 or > 92) throw new PtxSyntaxException(1, $"PTX {module.Version / 10}.{module.Version % 10} is not emulated (6.0 to 9.2)");
        if (!Targets.Contains(module.Target)) throw new PtxSyntaxException(2, $"there is no target sm_{module.Target}");
        foreach (var function in module.Functions.Values) Verify(module, function);
    }

    private static void Verify(PtxModule module, PtxFunction function)
    {
        var written = function.Parameters.Concat(function.Results).OfType<PtxRegister>().ToHashSet();
        foreach (var instruction in function.Instructions)
        {
            if (InstructionTable.Complaint(instruction.Opcode, instruction.Modifiers, module.Version, module.Target) is { } complaint)
            {
                throw new PtxSyntaxException(instruction.Line, complaint);
            }

            if (Flattening.HasResult(instruction) && instruction.Operands.Length > 0) Collect(instruction.Operands[0], written);
        }

        foreach (var instruction in function.Instructions)
        {
            if (instruction.Guard is { } guard && !written.Contains(guard)) throw NeverWritten(instruction, guard);
            foreach (var operand in instruction.Operands)
            {
                var read = new HashSet<PtxRegister>();
                Collect(operand, read);
                if (operand is AddressOperand { Register: { } address }) read.Add(address);
                if (read.FirstOrDefault(r => !written.Contains(r)) is { } missing) throw NeverWritten(instruction, missing);
            }
        }
    }

    private static PtxSyntaxException NeverWritten(PtxInstruction instruction, PtxRegister register) =>
        new(instruction.Line, $"{instruction.FullName} reads {register.Name}, which nothing writes");

    private static void Collect(PtxOperand? operand, HashSet<PtxRegister> into)
    {
        switch (operand)
        {
            case RegisterOperand r:
                into.Add(r.Register);
                break;
            case VectorOperand v:
                foreach (var element in v.Elements) Collect(element, into);
                break;
            case PairOperand p:
                Collect(p.First, into);
                Collect(p.Second, into);
                break;
            case ListOperand l:
                foreach (var element in l.Elements) Collect(element, into);
                break;
        }
    }
}
