namespace PtxEmulator.Isa;

/// <summary>Which registers an instruction of a type takes (PTX ISA, "Operand Type Checking").</summary>
internal static class OperandTypes
{
    /// <summary>The ordinary rule: equal size; untyped agrees with everything, integers with each other, floats only with their own.</summary>
    public static bool Agree(ScalarType register, ScalarType instruction) =>
        register.Bits() == instruction.Bits() && (register == ScalarType.Pred) == (instruction == ScalarType.Pred) && IsKin(register, instruction);

    /// <summary>The relaxed rule of ld, st and cvt: the register may be wider, unless it holds a float.</summary>
    public static bool AgreeRelaxed(ScalarType register, ScalarType instruction)
    {
        if (register == ScalarType.Pred || instruction == ScalarType.Pred) return false;
        if (register.Bits() == instruction.Bits()) return IsKin(register, instruction);
        return register.Bits() > instruction.Bits() && !register.IsFloat() && !instruction.IsFloat();
    }

    private static bool IsKin(ScalarType register, ScalarType instruction) =>
        register == instruction || register.IsUntyped() || instruction.IsUntyped() || register.IsInteger() && instruction.IsInteger();
}
